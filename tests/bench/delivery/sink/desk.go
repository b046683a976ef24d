package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Manner is how requests are answered.
type Manner struct {
	Token           string
	Latency, Jitter time.Duration
	FailShare       float64
	RetryAfter      int
	Always          int
	Partitions      bool
	Users           map[string]int
}

func (m *Manner) addUser(text string) error {
	user, status, _ := strings.Cut(text, "=")
	number, err := strconv.Atoi(status)
	if err != nil {
		return fmt.Errorf("USER=STATUS is wanted, not %q", text)
	}
	if m.Users == nil {
		m.Users = map[string]int{}
	}
	m.Users[user] = number
	return nil
}

// Desk answers what comes over the connections.
type Desk struct {
	manner Manner
	book   *Book

	mu   sync.Mutex
	dice *rand.Rand
}

func newDesk(manner Manner, seed uint64, book *Book) *Desk {
	return &Desk{manner: manner, book: book, dice: rand.New(rand.NewPCG(seed, seed))}
}

// talk serves one connection until it ends.
func (d *Desk) talk(conn net.Conn) {
	w := &wire{conn: conn, reader: bufio.NewReaderSize(conn, 8<<10)}
	var seen []sighting
	for {
		asked, err := w.next()
		if err != nil {
			return
		}
		seen = seen[:0]
		status, arrived := d.judge(asked, &seen)
		_, err = conn.Write(d.answer(status))
		d.book.answered(arrived, err == nil)
		if err != nil || asked.last {
			return
		}
	}
}

// judge decides the status and has the events of an accepted request written down; how many those were.
func (d *Desk) judge(asked request, seen *[]sighting) (status, accepted int) {
	if !asked.isPost {
		return http.StatusMethodNotAllowed, 0
	}
	if string(asked.token) != d.manner.Token {
		d.book.refused(http.StatusUnauthorized)
		return http.StatusUnauthorized, 0
	}
	var ok bool
	if *seen, ok = sightings(asked.body, *seen); !ok {
		d.book.unreadable(asked.body)
		return http.StatusBadRequest, 0
	}
	d.book.arrive(*seen, asked.body)
	status, wait := d.decide(*seen)
	if wait > 0 {
		time.Sleep(wait)
	}
	d.book.leave(*seen, status)
	if status == http.StatusOK {
		accepted = len(*seen)
		if d.manner.Partitions {
			d.book.place(asked.body)
		}
	}
	return status, accepted
}

func (d *Desk) decide(seen []sighting) (status int, wait time.Duration) {
	status, wait = http.StatusOK, d.manner.Latency
	if d.manner.FailShare > 0 || d.manner.Jitter > 0 {
		d.mu.Lock()
		if d.dice.Float64() < d.manner.FailShare {
			status = http.StatusServiceUnavailable
		}
		wait += time.Duration((2*d.dice.Float64() - 1) * float64(d.manner.Jitter))
		d.mu.Unlock()
	}
	if d.manner.Always != 0 {
		return d.manner.Always, wait
	}
	if d.manner.Users != nil {
		for _, one := range seen {
			if special, ok := d.manner.Users[string(one.user)]; ok {
				return special, wait
			}
		}
	}
	return status, wait
}

var accepted = answerText(http.StatusOK, "")

func (d *Desk) answer(status int) []byte {
	if status == http.StatusOK {
		return accepted
	}
	if status == http.StatusServiceUnavailable && d.manner.RetryAfter > 0 {
		return answerText(status, fmt.Sprintf("Retry-After: %d\r\n", d.manner.RetryAfter))
	}
	return answerText(status, "")
}

func answerText(status int, more string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n%sContent-Length: 2\r\n\r\n{}",
		status, http.StatusText(status), more)
}
