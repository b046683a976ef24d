// The sink stands for the Event API in the delivery race: it answers as it is told and counts what it accepted.
//
// It speaks just enough HTTP/1.1 to cost much less than whoever posts to it. Events come to one port, plain or
// over TLS; the harness asks and steers over another (see control.go).
package main

import (
	"crypto/tls"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	log.SetFlags(0)
	events := flag.String("events", "127.0.0.1:18080", "address that events are posted to")
	control := flag.String("control", "127.0.0.1:18081", "address that the harness asks")
	cert := flag.String("cert", "", "certificate (PEM); with it events come over TLS")
	key := flag.String("key", "", "its key")
	version := flag.String("tls", "1.3", "TLS version, 1.2 or 1.3")
	manner := Manner{}
	flag.StringVar(&manner.Token, "token", "bench-token", "bearer token that is asked for")
	flag.DurationVar(&manner.Latency, "latency", 0, "time before each answer")
	flag.DurationVar(&manner.Jitter, "jitter", 0, "at most so much more or less of it")
	flag.Float64Var(&manner.FailShare, "fail-share", 0, "share of requests answered 503")
	flag.IntVar(&manner.RetryAfter, "retry-after", 0, "seconds of Retry-After with a 503; 0: none")
	flag.IntVar(&manner.Always, "always", 0, "status that answers every request")
	flag.Func("answer", "USER=STATUS: what answers each event of that user (again and again)", manner.addUser)
	flag.BoolVar(&manner.Partitions, "partitions", false, "count accepted requests by their event's partition")
	seed := flag.Uint64("seed", 1, "of failures and jitter")
	samples := flag.Int("samples", 20, "how many bodies are kept for the harness")
	flag.Parse()

	var secure *tls.Config
	if *cert != "" {
		secure = tlsConfig(*cert, *key, *version)
	}
	book := newBook(*samples)
	front := &Front{address: *events, tls: secure, desk: newDesk(manner, *seed, book)}
	if err := front.Start(); err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.ListenAndServe(*control, controls(front, book))) }()

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, os.Interrupt)
	<-ended
}

// tlsConfig offers one version only. Go has no say in the cipher suites of 1.3; of 1.2 it is AES-256-GCM.
func tlsConfig(cert, key, version string) *tls.Config {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		log.Fatal(err)
	}
	number := uint16(tls.VersionTLS13)
	if version == "1.2" {
		number = tls.VersionTLS12
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   number,
		MaxVersion:   number,
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
	}
}
