// Pins the generator of podman that the tests read Quadlet files with. It shares nothing with the registries and Kubernetes.
module scantling.dev/test/tools/quadlet

go 1.26.0

tool github.com/containers/podman/v5/cmd/quadlet

require (
	github.com/containers/podman/v5 v5.8.0 // indirect
	go.podman.io/storage v1.62.0 // indirect
)
