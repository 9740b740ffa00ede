// Package introspection stands in for the package of Dang v2, which the Go module proxy does not serve, by that of Dang v1:
// the engine compiles, and runs modules written for v1 (the only Dang module here is embedded/sdk).
package introspection

import "github.com/vito/dang/pkg/introspection"

type (
	Response = introspection.Response
	Schema   = introspection.Schema
	TypeRef  = introspection.TypeRef
)

var (
	TypeKindNonNull = introspection.TypeKindNonNull
	TypeKindObject  = introspection.TypeKindObject
)
