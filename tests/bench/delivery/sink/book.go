package main

import (
	"maps"
	"sync"
	"syscall"
	"time"
)

const tick = 100 * time.Millisecond

// user is what is known of one user's events.
type user struct {
	taken  []uint64 // a bit for each seq accepted
	newest int      // highest seq accepted; -1 at first
	busy   int      // events of theirs that wait for an answer
	visit  int64    // whose request those came with last
}

// take marks a seq; whether it is the first time.
func (u *user) take(seq int) bool {
	word, bit := seq/64, uint64(1)<<(seq%64)
	for len(u.taken) <= word {
		u.taken = append(u.taken, 0)
	}
	fresh := u.taken[word]&bit == 0
	u.taken[word] |= bit
	return fresh
}

// Counts are what the harness reads.
type Counts struct {
	Requests    int64         `json:"requests"`
	Distinct    int64         `json:"distinct"`
	Duplicates  int64         `json:"duplicates"`
	Disorder    int64         `json:"order_violations"`
	Overlaps    int64         `json:"overlaps"`
	Unanswered  int64         `json:"unanswered"`        // accepted requests whose answer could not be written
	LostAnswers int64         `json:"unanswered_events"` // events in them
	InFlight    int64         `json:"in_flight"`
	MaxInFlight int64         `json:"max_in_flight"`
	Unreadable  int64         `json:"unreadable"`
	Statuses    map[int]int64 `json:"statuses"`
	Users       int           `json:"users"`
	FirstNS     int64         `json:"first_ns"` // time of the first acceptance
	LastNS      int64         `json:"last_ns"`
	Partitions  map[int]int64 `json:"partitions"`
	Connections int64         `json:"connections"`
	CPUSeconds  float64       `json:"cpu_seconds"`
}

// Book is the audit: one lock for all of it, held for fractions of a microsecond.
type Book struct {
	mu       sync.Mutex
	counts   Counts
	users    map[string]*user
	visits   int64
	timeline []int64 // events first accepted in each tick since the first of all
	samples  [][]byte
	keep     int
	wrong    []byte
}

func newBook(samples int) *Book {
	return &Book{users: map[string]*user{}, keep: samples, counts: Counts{Statuses: map[int]int64{}, Partitions: map[int]int64{}}}
}

func (b *Book) of(name []byte) *user {
	known := b.users[string(name)]
	if known == nil {
		known = &user{newest: -1}
		b.users[string(name)] = known
	}
	return known
}

// arrive notes a request that now waits for its answer.
func (b *Book) arrive(seen []sighting, body []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.visits++
	b.counts.Requests++
	b.counts.InFlight++
	b.counts.MaxInFlight = max(b.counts.MaxInFlight, b.counts.InFlight)
	if len(b.samples) < b.keep {
		b.samples = append(b.samples, append([]byte(nil), body...))
	}
	for _, one := range seen {
		who := b.of(one.user)
		if who.busy > 0 && who.visit != b.visits {
			b.counts.Overlaps++
		}
		who.busy++
		who.visit = b.visits
	}
}

// leave notes what became of it, just before the answer is written.
func (b *Book) leave(seen []sighting, status int) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts.InFlight--
	b.counts.Statuses[status]++
	for _, one := range seen {
		who := b.of(one.user)
		who.busy--
		if status == 200 {
			b.accept(who, one.seq, now)
		}
	}
}

func (b *Book) accept(who *user, seq int, now time.Time) {
	b.counts.LastNS = now.UnixNano()
	if b.counts.FirstNS == 0 {
		b.counts.FirstNS = b.counts.LastNS
	}
	if !who.take(seq) {
		b.counts.Duplicates++
		return
	}
	b.counts.Distinct++
	if seq < who.newest {
		b.counts.Disorder++
	}
	who.newest = max(who.newest, seq)
	at := int((b.counts.LastNS - b.counts.FirstNS) / int64(tick))
	for len(b.timeline) <= at {
		b.timeline = append(b.timeline, 0)
	}
	b.timeline[at]++
}

// answered notes whether the answer to a request with so many accepted events could be written.
func (b *Book) answered(events int, written bool) {
	if events == 0 || written {
		return
	}
	b.mu.Lock()
	b.counts.Unanswered++
	b.counts.LostAnswers += int64(events)
	b.mu.Unlock()
}

// place counts an accepted request by the partition that its first event names.
func (b *Book) place(body []byte) {
	number := partition(body)
	b.mu.Lock()
	b.counts.Partitions[number]++
	b.mu.Unlock()
}

func (b *Book) refused(status int) {
	b.mu.Lock()
	b.counts.Requests++
	b.counts.Statuses[status]++
	b.mu.Unlock()
}

func (b *Book) unreadable(body []byte) {
	b.mu.Lock()
	b.counts.Unreadable++
	if b.wrong == nil {
		b.wrong = append([]byte{}, body...)
	}
	b.mu.Unlock()
}

// snapshot is the state of all counts.
func (b *Book) snapshot(connections int64) Counts {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.counts
	now.Users, now.Connections = len(b.users), connections
	now.Statuses, now.Partitions = maps.Clone(b.counts.Statuses), maps.Clone(b.counts.Partitions)
	now.CPUSeconds = seconds(used.Utime) + seconds(used.Stime)
	return now
}

func seconds(t syscall.Timeval) float64 {
	return float64(t.Sec) + float64(t.Usec)/1e6
}
