// Pins the Prometheus operator, of which tests read the CRDs that its module holds; nothing of it is built.
module scantling.dev/test/tools/prometheus-operator

go 1.24.0

require github.com/prometheus-operator/prometheus-operator v0.85.0
