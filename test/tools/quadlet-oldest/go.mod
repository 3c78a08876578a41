// Pins the generator of the oldest podman that workloads are written for (docs/workloads.md).
module scantling.dev/test/tools/quadlet-oldest

go 1.26.0

tool github.com/containers/podman/v5/cmd/quadlet

require (
	github.com/containers/podman/v5 v5.0.0 // indirect
	github.com/containers/storage v1.53.0 // indirect
)
