// Command cosign is cosign without its clients of key services: the libraries of three clouds take longer to compile than is worth waiting for.
package main

import (
	"os"

	"github.com/sigstore/cosign/v3/cmd/cosign/cli"
)

func main() {
	if err := cli.New().Execute(); err != nil {
		os.Exit(1)
	}
}
