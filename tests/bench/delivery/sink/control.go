package main

import (
	"encoding/json"
	"net/http"
)

// controls are what the harness asks for: GET /counts, /timeline, /samples; POST /stop, /start.
func controls(front *Front, book *Book) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		write(w, book.snapshot(front.Accepted.Load()))
	})
	mux.HandleFunc("GET /timeline", func(w http.ResponseWriter, _ *http.Request) {
		book.mu.Lock()
		defer book.mu.Unlock()
		write(w, book.timeline)
	})
	mux.HandleFunc("GET /samples", func(w http.ResponseWriter, _ *http.Request) {
		book.mu.Lock()
		defer book.mu.Unlock()
		write(w, map[string]any{"bodies": texts(book.samples), "unreadable": string(book.wrong)})
	})
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, _ *http.Request) {
		front.Stop()
		write(w, book.snapshot(front.Accepted.Load()))
	})
	mux.HandleFunc("POST /start", func(w http.ResponseWriter, _ *http.Request) {
		if err := front.Start(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		write(w, book.snapshot(front.Accepted.Load()))
	})
	return mux
}

func texts(bodies [][]byte) []string {
	made := make([]string, len(bodies))
	for index, body := range bodies {
		made[index] = string(body)
	}
	return made
}

func write(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}
