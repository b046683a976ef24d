package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/valyala/fasthttp"
)

const (
	firstRest = 100 * time.Millisecond
	longRest  = 5 * time.Second
)

// poster posts one event at a time for each caller, until it is accepted.
type poster struct {
	client  *fasthttp.Client
	url     string
	auth    string
	buffers sync.Pool
}

func newPoster(url, key, ca string, connections int) *poster {
	client := &fasthttp.Client{MaxConnsPerHost: connections, MaxIdleConnDuration: time.Minute}
	if ca != "" {
		client.TLSConfig = &tls.Config{RootCAs: authorities(ca)}
	}
	return &poster{
		client: client, url: url, auth: "Bearer " + key, buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
}

func authorities(file string) *x509.CertPool {
	text, err := os.ReadFile(file)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(text) {
		log.Fatal("no authority in ", file, ": ", err)
	}
	return pool
}

// deliver tries again, ever more slowly; false when the process is asked to end first.
func (p *poster) deliver(running context.Context, record *kgo.Record) bool {
	body := p.buffers.Get().(*bytes.Buffer)
	defer p.buffers.Put(body)
	body.Reset()
	if err := writeEvent(body, record); err != nil {
		log.Print("not understood, left out: ", err)
		return true
	}
	for rest := firstRest; ; rest = min(2*rest, longRest) {
		if p.post(body.Bytes())/100 == 2 {
			return true
		}
		select {
		case <-time.After(rest):
		case <-running.Done():
			return false
		}
	}
}

// post is the status of one attempt; 0 without an answer.
func (p *poster) post(body []byte) int {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(p.url)
	request.Header.SetMethod(fasthttp.MethodPost)
	request.Header.SetContentType("application/json")
	request.Header.Set(fasthttp.HeaderAuthorization, p.auth)
	request.SetBodyRaw(body)
	if err := p.client.Do(request, response); err != nil {
		return 0
	}
	return response.StatusCode()
}
