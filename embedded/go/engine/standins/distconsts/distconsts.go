// Package distconsts stands in for the engine's package of the same name, which the Go module proxy does not serve:
// the names and paths that the official engine image has.
package distconsts

const (
	EngineContainerName              = "dagger-engine.dev"
	EngineContainerBuiltinContentDir = "/usr/local/share/dagger/content"
	EngineCustomCACertsDir           = "/usr/local/share/ca-certificates"
	EngineDefaultStateDir            = "/var/lib/dagger"
	DefaultEngineSockAddr            = "unix:///run/dagger/engine.sock"

	RuncPath       = "/usr/local/bin/runc"
	DaggerInitPath = "/usr/local/bin/dagger-init"

	GoSDKManifestDigestEnvName         = "DAGGER_GO_SDK_MANIFEST_DIGEST"
	PythonSDKManifestDigestEnvName     = "DAGGER_PYTHON_SDK_MANIFEST_DIGEST"
	TypescriptSDKManifestDigestEnvName = "DAGGER_TYPESCRIPT_SDK_MANIFEST_DIGEST"

	AlpineImage  = "alpine:3.22.1"
	BusyboxImage = "busybox:1.37.0-musl"
	GolangImage  = "golang:1.26-alpine"

	OCIVersionAnnotation = "org.opencontainers.image.version"
)
