package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

const one = `{"user_id":"a","event_params":[{"key":"seq","value":{"int_value":%d}}],"context":{"partition":4}}`

func event(seq int) string { return fmt.Sprintf(one, seq) }

func TestBodies(t *testing.T) {
	for body, want := range map[string]int{
		event(7):                                1,
		"[" + event(1) + " , " + event(2) + "]": 2,
		`[{"user_id": "}{", "p": "\"{", "x": [{"key": "seq", "value": {"int_value": 3}}]}]`: 1,
		"": 0, "[]": 0, "7": 0, `{"user_id":"a"}`: 0, "[" + event(1) + `,{"x":1}]`: 0,
	} {
		seen, ok := sightings([]byte(body), nil)
		if ok != (want > 0) || ok && len(seen) != want {
			t.Errorf("%s: %v %v", body, seen, ok)
		}
	}
	if got := partition([]byte(event(1))); got != 4 {
		t.Error("partition", got)
	}
}

func TestAudit(t *testing.T) {
	book := newBook(1)
	accept := func(seqs ...int) {
		var seen []sighting
		for _, seq := range seqs {
			seen = append(seen, sighting{[]byte("a"), seq})
		}
		book.arrive(seen, nil)
		book.leave(seen, 200)
	}
	accept(0, 1)
	accept(3)
	accept(2)
	accept(1)
	got := book.snapshot(0)
	if got.Distinct != 4 || got.Duplicates != 1 || got.Disorder != 1 || got.Overlaps != 0 {
		t.Errorf("%+v", got)
	}
	mine := []sighting{{[]byte("a"), 5}, {[]byte("a"), 6}}
	book.arrive(mine, nil)
	book.arrive(mine[:1], nil)
	if got := book.snapshot(0); got.Overlaps != 1 || got.MaxInFlight != 2 {
		t.Errorf("%+v", got)
	}
}

func TestWire(t *testing.T) {
	manner := Manner{Token: "t", Users: map[string]int{"b": 403}}
	book := newBook(1)
	client, server := net.Pipe()
	go newDesk(manner, 1, book).talk(server)
	replies := bufio.NewReader(client)
	ask := func(head, body string) string {
		go io.WriteString(client, "POST /events HTTP/1.1\r\n"+head+"\r\n"+body)
		line, _ := replies.ReadString('\n')
		for text := ""; text != "\r\n"; {
			text, _ = replies.ReadString('\n')
		}
		replies.Discard(len("{}"))
		return strings.TrimSpace(line)
	}
	sized := func(body string) string { return fmt.Sprintf("content-length: %d\r\n", len(body)) }
	auth, refused := "AUTHORIZATION: Bearer t\r\n", strings.Replace(event(1), `"a"`, `"b"`, 1)
	chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(event(1)), event(1))
	for _, step := range []struct{ head, body, want string }{
		{auth + sized(event(0)), event(0), "HTTP/1.1 200 OK"},
		{auth + "Transfer-Encoding: chunked\r\n", chunk, "HTTP/1.1 200 OK"},
		{sized(event(2)), event(2), "HTTP/1.1 401 Unauthorized"},
		{auth + sized("{}"), "{}", "HTTP/1.1 400 Bad Request"},
		{auth + sized(refused), refused, "HTTP/1.1 403 Forbidden"},
	} {
		if got := ask(step.head, step.body); got != step.want {
			t.Errorf("%q, not %q", got, step.want)
		}
	}
	if got := book.snapshot(0); got.Distinct != 2 || got.Unreadable != 1 {
		t.Errorf("%+v", got)
	}
}
