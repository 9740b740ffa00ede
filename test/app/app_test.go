package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func get(t *testing.T, app http.Handler, path string, header ...string) (int, string) {
	t.Helper()
	request := httptest.NewRequest("GET", path, nil)
	if len(header) == 2 {
		request.Header.Set(header[0], header[1])
	}
	answer := httptest.NewRecorder()
	app.ServeHTTP(answer, request)
	return answer.Code, answer.Body.String()
}

// On a clock of its own (synctest): what is not slow takes no time at all, however busy the machine is.
func TestAnswers(t *testing.T) { synctest.Test(t, testAnswers) }

func testAnswers(t *testing.T) {
	slowness = 50 * time.Millisecond
	for _, test := range []struct {
		fault, path string
		status      int
		body        string
	}{
		{"", "/", 200, "helloworld v0.2.0"},
		{"", "/healthz", 200, "ok"},
		{"", "/readyz", 200, "ok"},
		{"", "/nothing", 404, ""},
		{"never-ready", "/", 200, "helloworld v0.2.0"},
		{"never-ready", "/healthz", 200, "ok"},
		{"never-ready", "/readyz", 503, "not ready"},
		{"error-500", "/", 500, "internal error"},
		{"error-500", "/healthz", 200, "ok"},
		{"error-500", "/readyz", 200, "ok"},
		{"not-found", "/", 404, "not found"},
		{"not-found", "/healthz", 200, "ok"},
		{"not-found", "/readyz", 200, "ok"},
		{"slow", "/readyz", 200, "ok"},
		{"slow", "/", 200, "helloworld v0.2.0"},
	} {
		start := time.Now()
		status, body := get(t, newApp("v0.2.0", test.fault), test.path)
		if status != test.status || !strings.Contains(body, test.body) {
			t.Errorf("fault %q: %s: got %d %q, want %d %q", test.fault, test.path, status, body, test.status, test.body)
		}
		if slow := time.Since(start) >= slowness; slow != (test.fault == "slow" && test.path == "/") {
			t.Errorf("fault %q: %s took %s", test.fault, test.path, time.Since(start))
		}
	}
}

func TestJSON(t *testing.T) {
	status, body := get(t, newApp("v0.2.0", ""), "/", "Accept", "application/json")
	if status != 200 || body != `{"app":"helloworld","version":"v0.2.0"}`+"\n" {
		t.Errorf("got %d %q", status, body)
	}
}

func TestMetrics(t *testing.T) {
	app := newApp("v0.2.0", "")
	get(t, app, "/")
	get(t, app, "/")
	get(t, app, "/nothing")
	get(t, app, "/healthz")
	get(t, app, "/metrics")
	app.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil))
	_, text := get(t, app, "/metrics")
	for _, line := range []string{
		`app_info{version="v0.2.0"} 1`,
		`# TYPE http_requests_total counter`,
		`http_requests_total{method="GET",status="200"} 2`,
		`http_requests_total{method="GET",status="404"} 1`,
		`http_requests_total{method="POST",status="405"} 1`,
		`# TYPE http_request_duration_seconds histogram`,
		`http_request_duration_seconds_bucket{method="GET",status="200",le="0.5"} 2`,
		`http_request_duration_seconds_bucket{method="GET",status="200",le="+Inf"} 2`,
		`http_request_duration_seconds_count{method="GET",status="200"} 2`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%q is missing in:\n%s", line, text)
		}
	}
}

func TestRefusesToStart(t *testing.T) {
	for fault, want := range map[string]string{"crash": "can't start", "typo": `unknown APP_FAULT "typo"`} {
		err := run(context.Background(), func(name string) string {
			return map[string]string{"APP_FAULT": fault, "APP_ADDR": "127.0.0.1:0"}[name]
		}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", fault, err)
		}
	}
}

func TestStopFinishesRequestsInFlight(t *testing.T) {
	slowness = 2 * time.Second
	ctx, stop := context.WithCancel(context.Background())
	address, ended, body := make(chan net.Addr, 1), make(chan error, 1), make(chan string, 1)
	go func() {
		ended <- run(ctx, func(name string) string {
			return map[string]string{"APP_VERSION": "v0.9.3", "APP_FAULT": "slow", "APP_ADDR": "127.0.0.1:0"}[name]
		}, func(addr net.Addr) { address <- addr })
	}()
	url := "http://" + (<-address).String() + "/"
	go func() {
		answer, err := http.Get(url)
		if err != nil {
			body <- err.Error()
			return
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		body <- string(text)
	}()
	time.Sleep(time.Second) // until it is in flight, on a busy machine too
	stop()
	if got := <-body; got != "helloworld v0.9.3\n" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
}

// The table that images are built from names only faults that this program knows.
func TestVersions(t *testing.T) {
	text, err := os.ReadFile("versions.json")
	if err != nil {
		t.Fatal(err)
	}
	var versions map[string]struct{ Fault, About string }
	if err := json.Unmarshal(text, &versions); err != nil {
		t.Fatal(err)
	}
	for tag, entry := range versions {
		switch entry.Fault {
		case "", "crash", "never-ready", "error-500", "slow", "not-found":
		default:
			t.Errorf("%s: unknown fault %q", tag, entry.Fault)
		}
	}
}
