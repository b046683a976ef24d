package main

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
)

// Front is the door for events: it can be shut, with every connection reset, and opened again on the same port.
type Front struct {
	address string
	tls     *tls.Config
	desk    *Desk

	mu       sync.Mutex
	listener net.Listener
	open     map[*net.TCPConn]struct{}
	Accepted atomic.Int64 // connections, since the beginning
}

// Start listens; a front that does already is left alone.
func (f *Front) Start() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listener != nil {
		return nil
	}
	listener, err := net.Listen("tcp", f.address)
	if err != nil {
		return err
	}
	f.listener, f.open = listener, map[*net.TCPConn]struct{}{}
	go f.welcome(listener)
	return nil
}

// Stop closes the listener and resets all connections.
func (f *Front) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listener == nil {
		return
	}
	f.listener.Close()
	for conn := range f.open {
		conn.SetLinger(0) // a reset, not a goodbye
		conn.Close()
	}
	f.listener, f.open = nil, nil
}

func (f *Front) welcome(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		tcp := conn.(*net.TCPConn)
		if f.enter(tcp, listener) {
			go f.serve(tcp)
		}
	}
}

// enter refuses who was let in by a listener that is closed by now.
func (f *Front) enter(conn *net.TCPConn, by net.Listener) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listener != by {
		conn.SetLinger(0)
		conn.Close()
		return false
	}
	f.open[conn] = struct{}{}
	f.Accepted.Add(1)
	return true
}

func (f *Front) serve(conn *net.TCPConn) {
	defer func() {
		conn.Close()
		f.mu.Lock()
		delete(f.open, conn)
		f.mu.Unlock()
	}()
	if f.tls == nil {
		f.desk.talk(conn)
		return
	}
	f.desk.talk(tls.Server(conn, f.tls))
}
