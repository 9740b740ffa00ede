package main

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// buckets are the upper bounds of the latency histogram, in seconds.
var buckets = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

type labels struct{ method, status string }

type series struct {
	count   uint64
	sum     float64
	buckets []uint64 // requests up to the bound of the same index
}

// metrics counts requests and writes them in Prometheus's text format.
type metrics struct {
	version string
	mu      sync.Mutex
	series  map[labels]*series
}

// statusWriter remembers the status that was sent.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (m *metrics) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		recorder := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r)
		m.observe(labels{method(r.Method), strconv.Itoa(recorder.status)}, time.Since(start).Seconds())
	})
}

// method keeps the number of series small: anyone can send any word as a method.
func method(name string) string {
	switch name {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return name
	}
	return "other"
}

func (m *metrics) observe(key labels, seconds float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.series == nil {
		m.series = map[labels]*series{}
	}
	s := m.series[key]
	if s == nil {
		s = &series{buckets: make([]uint64, len(buckets))}
		m.series[key] = s
	}
	s.count++
	s.sum += seconds
	for i, bound := range buckets {
		if seconds <= bound {
			s.buckets[i]++
		}
	}
}

func (m *metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	fmt.Fprint(w, m.text())
}

func (m *metrics) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := make([]labels, 0, len(m.series))
	for key := range m.series {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b labels) int {
		return strings.Compare(a.method+" "+a.status, b.method+" "+b.status)
	})

	var out strings.Builder
	out.WriteString("# HELP app_info The version that runs.\n# TYPE app_info gauge\n")
	fmt.Fprintf(&out, "app_info{version=%q} 1\n", m.version)
	out.WriteString("# HELP http_requests_total Requests answered, without probes and scrapes.\n# TYPE http_requests_total counter\n")
	for _, key := range keys {
		fmt.Fprintf(&out, "http_requests_total{method=%q,status=%q} %d\n", key.method, key.status, m.series[key].count)
	}
	out.WriteString("# HELP http_request_duration_seconds Time to answer a request.\n# TYPE http_request_duration_seconds histogram\n")
	for _, key := range keys {
		s := m.series[key]
		at := fmt.Sprintf("method=%q,status=%q", key.method, key.status)
		for i, bound := range buckets {
			fmt.Fprintf(&out, "http_request_duration_seconds_bucket{%s,le=%q} %d\n", at, strconv.FormatFloat(bound, 'g', -1, 64), s.buckets[i])
		}
		fmt.Fprintf(&out, "http_request_duration_seconds_bucket{%s,le=\"+Inf\"} %d\n", at, s.count)
		fmt.Fprintf(&out, "http_request_duration_seconds_sum{%s} %g\n", at, s.sum)
		fmt.Fprintf(&out, "http_request_duration_seconds_count{%s} %d\n", at, s.count)
	}
	return out.String()
}
