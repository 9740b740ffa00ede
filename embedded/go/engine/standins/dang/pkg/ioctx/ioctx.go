// Package ioctx stands in for the package of Dang v2, which the Go module proxy does not serve, by that of Dang v1:
// the engine compiles, and runs modules written for v1 (the only Dang module here is embedded/sdk).
package ioctx

import "github.com/vito/dang/pkg/ioctx"

var (
	StderrToContext = ioctx.StderrToContext
	StdoutToContext = ioctx.StdoutToContext
)
