package main

import (
	"context"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// prefix is how far one partition is done without a gap, and what is done beyond.
type prefix struct {
	next  int64
	ahead map[int64]struct{}
}

// prefixes are those of one topic.
type prefixes struct {
	client *kgo.Client
	topic  string

	mu sync.Mutex
	of map[int32]*prefix
}

func newPrefixes(client *kgo.Client, topic string) *prefixes {
	return &prefixes{client: client, topic: topic, of: map[int32]*prefix{}}
}

// begin notes where a partition starts.
func (p *prefixes) begin(record *kgo.Record) {
	p.mu.Lock()
	if p.of[record.Partition] == nil {
		p.of[record.Partition] = &prefix{next: record.Offset, ahead: map[int64]struct{}{}}
	}
	p.mu.Unlock()
}

func (p *prefixes) finish(record *kgo.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.of[record.Partition]
	if record.Offset != one.next {
		one.ahead[record.Offset] = struct{}{}
		return
	}
	one.next++
	for len(one.ahead) > 0 {
		if _, done := one.ahead[one.next]; !done {
			return
		}
		delete(one.ahead, one.next)
		one.next++
	}
}

func (p *prefixes) commit(ctx context.Context) {
	offsets := map[int32]kgo.EpochOffset{}
	p.mu.Lock()
	for number, one := range p.of {
		offsets[number] = kgo.EpochOffset{Epoch: -1, Offset: one.next}
	}
	p.mu.Unlock()
	if len(offsets) > 0 {
		p.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{p.topic: offsets}, nil)
	}
}
