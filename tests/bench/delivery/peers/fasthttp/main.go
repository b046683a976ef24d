// fasthttp is the peer written by hand in Go: franz-go, a goroutine for each key that has work, fasthttp.
//
// Order holds per key, at most IN_FLIGHT keys are posted at a time, HELD records are kept at most, and what is
// committed is the contiguous prefix of each partition.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	held        = 20_000
	perPoll     = 2_000
	commitEvery = time.Second
	lastCommit  = 5 * time.Second
)

func main() {
	log.SetFlags(0)
	inFlight, err := strconv.Atoi(os.Getenv("IN_FLIGHT"))
	if err != nil {
		log.Fatal("IN_FLIGHT: ", err)
	}
	topic := os.Getenv("TOPIC")
	client, err := kgo.NewClient(
		kgo.SeedBrokers(os.Getenv("BROKERS")),
		kgo.ConsumerGroup(os.Getenv("GROUP")),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.FetchMaxWait(500*time.Millisecond),
	)
	if err != nil {
		log.Fatal(err)
	}
	running, end := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer end()

	prefixes := newPrefixes(client, topic)
	post := newPoster(os.Getenv("URL"), os.Getenv("WRITE_KEY"), os.Getenv("CA"), inFlight)
	lanes := newLanes(inFlight, held, func(record *kgo.Record) bool {
		delivered := post.deliver(running, record)
		if delivered {
			prefixes.finish(record)
		}
		return delivered
	})
	go func() {
		for range time.Tick(commitEvery) {
			prefixes.commit(running)
		}
	}()
	for running.Err() == nil {
		client.PollRecords(running, perPoll).EachRecord(func(record *kgo.Record) {
			prefixes.begin(record)
			lanes.add(record)
		})
		lanes.waitForRoom(running)
	}
	lanes.wait()
	leaving, done := context.WithTimeout(context.Background(), lastCommit)
	defer done()
	prefixes.commit(leaving)
	client.Close()
}
