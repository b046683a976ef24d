package main

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// lanes run one goroutine for each key that has work, and so keep the order of a key.
type lanes struct {
	work  func(*kgo.Record) bool
	turns chan struct{}
	room  int
	ended sync.WaitGroup

	mu      sync.Mutex
	pending int
	waiting map[string][]*kgo.Record // of a key that has a goroutine
}

func newLanes(inFlight, room int, work func(*kgo.Record) bool) *lanes {
	return &lanes{work: work, turns: make(chan struct{}, inFlight), room: room, waiting: map[string][]*kgo.Record{}}
}

// add hands over one record; it waits while as many keys as may are at work.
func (l *lanes) add(record *kgo.Record) {
	key := string(record.Key)
	l.mu.Lock()
	l.pending++
	queue, busy := l.waiting[key]
	if busy {
		l.waiting[key] = append(queue, record)
		l.mu.Unlock()
		return
	}
	l.waiting[key] = nil
	l.mu.Unlock()
	l.turns <- struct{}{}
	l.ended.Add(1)
	go l.run(key, record)
}

// run works off a key until nothing waits, or the process ends.
func (l *lanes) run(key string, record *kgo.Record) {
	defer l.ended.Done()
	for record != nil && l.work(record) {
		record = l.next(key)
	}
	<-l.turns
}

func (l *lanes) next(key string) *kgo.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending--
	queue := l.waiting[key]
	if len(queue) == 0 {
		delete(l.waiting, key)
		return nil
	}
	l.waiting[key] = queue[1:]
	return queue[0]
}

func (l *lanes) waitForRoom(running context.Context) {
	for l.isFull() && running.Err() == nil {
		time.Sleep(2 * time.Millisecond)
	}
}

func (l *lanes) isFull() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pending > l.room
}

func (l *lanes) wait() {
	l.ended.Wait()
}
