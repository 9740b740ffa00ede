package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// slowness is how long / takes with the fault "slow".
var slowness = 5 * time.Second

// newApp is everything the server answers. Only requests that are not probes or scrapes are counted: their successes
// would hide an application that fails its users.
func newApp(version, fault string) http.Handler {
	metrics := &metrics{version: version}
	mux := http.NewServeMux()

	mux.Handle("GET /{$}", metrics.count(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch fault {
		case "error-500":
			http.Error(w, fmt.Sprintf("helloworld %s: internal error", version), http.StatusInternalServerError)
			return
		case "not-found":
			http.NotFound(w, r)
			return
		case "slow":
			select {
			case <-time.After(slowness):
			case <-r.Context().Done():
				return
			}
		}
		w.Header().Set("X-App-Version", version)
		if strings.Contains(r.Header.Get("Accept"), "application/json") {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]string{"app": "helloworld", "version": version})
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "helloworld %s\n", version)
	})))
	mux.Handle("/", metrics.count(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		http.NotFound(w, r)
	})))

	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if fault == "never-ready" {
			http.Error(w, "not ready: waiting for a dependency", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", metrics)
	return mux
}
