// The sample application: what the chart expects of helloworld, in as few lines as possible, with faults to switch on.
//
//	APP_VERSION  what / says it is (default: the -X main.version of the build, else "dev")
//	APP_FAULT    crash | never-ready | error-500 | slow | not-found; empty: none
//	APP_ADDR     where to listen (default :8080)
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var version = "dev"

func main() {
	log.SetFlags(log.LstdFlags | log.LUTC | log.Lmsgprefix)
	log.SetPrefix("helloworld: ")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Getenv, nil); err != nil {
		log.Fatalf("fatal: %v", err)
	}
}

// run serves until ctx ends, then lets the requests in flight finish. It calls started with the address it listens on.
func run(ctx context.Context, getenv func(string) string, started func(net.Addr)) error {
	if v := getenv("APP_VERSION"); v != "" {
		version = v
	}
	addr := getenv("APP_ADDR")
	if addr == "" {
		addr = ":8080"
	}
	fault := getenv("APP_FAULT")
	switch fault {
	case "", "never-ready", "error-500", "slow", "not-found":
	case "crash":
		return fmt.Errorf("version %s can't start: configuration key DATABASE_URL is missing (APP_FAULT=crash)", version)
	default:
		return fmt.Errorf("unknown APP_FAULT %q: want crash, never-ready, error-500, slow or not-found", fault)
	}

	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           newApp(version, fault),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       60 * time.Second,
	}
	log.Printf("version %s listens on %s (fault: %q)", version, listener.Addr(), fault)
	if started != nil {
		started(listener.Addr())
	}

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}

	log.Print("asked to stop: finishing the requests in flight")
	// Less than the rest of the pod's grace period after its preStop sleep.
	deadline, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := server.Shutdown(deadline); err != nil {
		return fmt.Errorf("requests still in flight were cut off: %w", err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	log.Print("stopped")
	return nil
}
