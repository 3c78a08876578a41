// Command referrers is a registry with the referrers API, which distribution does not have: go-containerregistry's, with blobs on disk.
// Manifests and uploads under way live in memory and end with the process.
package main

import (
	"flag"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	address := flag.String("address", "127.0.0.1:5000", "host:port to listen on")
	directory := flag.String("directory", ".", "where blobs are kept")
	flag.Parse()
	if err := os.MkdirAll(*directory, 0o755); err != nil {
		log.Fatal(err)
	}
	handler := registry.New(
		registry.WithReferrersSupport(true),
		registry.WithBlobHandler(registry.NewDiskBlobHandler(*directory)),
		registry.Logger(log.New(io.Discard, "", 0)),
	)
	log.Fatal(http.ListenAndServe(*address, handler))
}
