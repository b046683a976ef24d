package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
)

// request is one request, its body valid until the next is read.
type request struct {
	isPost, last bool
	token        []byte
	body         []byte
}

// wire reads requests off one connection.
type wire struct {
	conn   net.Conn
	reader *bufio.Reader
	body   []byte
	token  []byte
}

var errFraming = errors.New("a length that is none")

const bearer = "bearer "

func (w *wire) next() (request, error) {
	line, err := w.reader.ReadSlice('\n')
	if err != nil {
		return request{}, err
	}
	asked := request{isPost: bytes.HasPrefix(line, []byte("POST ")), last: bytes.Contains(line, []byte("HTTP/1.0"))}
	length, chunked, expects, err := w.head(&asked)
	if err != nil {
		return asked, err
	}
	if expects {
		if _, err := io.WriteString(w.conn, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return asked, err
		}
	}
	w.body = w.body[:0]
	if chunked {
		err = w.chunks()
	} else {
		err = w.take(length)
	}
	asked.body = w.body
	return asked, err
}

func (w *wire) head(asked *request) (length int, chunked, expects bool, err error) {
	for {
		line, err := w.reader.ReadSlice('\n')
		if err != nil {
			return 0, false, false, err
		}
		name, value, found := bytes.Cut(line, []byte{':'})
		if !found {
			return length, chunked, expects, nil
		}
		value = bytes.TrimSpace(value)
		switch len(name) { // a cheap first look: of most headers the name is not even compared
		case len("expect"):
			expects = expects || bytes.EqualFold(name, []byte("expect"))
		case len("connection"):
			if bytes.EqualFold(name, []byte("connection")) && bytes.EqualFold(value, []byte("close")) {
				asked.last = true
			}
		case len("authorization"):
			if bytes.EqualFold(name, []byte("authorization")) && len(value) > len(bearer) {
				w.token = append(w.token[:0], value[len(bearer):]...)
				asked.token = w.token
			}
		case len("content-length"):
			if bytes.EqualFold(name, []byte("content-length")) {
				if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
					return 0, false, false, errFraming
				}
			}
		case len("transfer-encoding"):
			chunked = chunked || bytes.EqualFold(name, []byte("transfer-encoding"))
		}
	}
}

// take reads so many more bytes of the body.
func (w *wire) take(count int) error {
	start := len(w.body)
	if need := start + count; need > cap(w.body) {
		grown := make([]byte, start, 2*need)
		copy(grown, w.body)
		w.body = grown
	}
	w.body = w.body[:start+count]
	_, err := io.ReadFull(w.reader, w.body[start:])
	return err
}

func (w *wire) chunks() error {
	for {
		line, err := w.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		digits, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte{';'})
		size, err := strconv.ParseUint(string(digits), 16, 31)
		if err != nil {
			return errFraming
		}
		if err := w.take(int(size)); err != nil {
			return err
		}
		if _, err := w.reader.Discard(len("\r\n")); err != nil || size == 0 {
			return err
		}
	}
}
