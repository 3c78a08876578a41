// Command host-policy-oldest is host-policy with the library of skopeo 1.14, which the first hosts of bootc have.
//
//	host-policy [--platform] POLICY REGISTRIES.D IMAGE
//
// The policy is read, the image looked up and judged by containers/image, the library of all of them. Registries are spoken to in plain text where they answer so.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/containers/image/v5/docker"
	"github.com/containers/image/v5/image"
	"github.com/containers/image/v5/manifest"
	"github.com/containers/image/v5/signature"
	"github.com/containers/image/v5/types"
)

func main() {
	args := os.Args[1:]
	platform := len(args) > 0 && args[0] == "--platform"
	if platform {
		args = args[1:]
	}
	if len(args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: host-policy [--platform] POLICY REGISTRIES.D IMAGE")
		os.Exit(2)
	}
	if err := judge(context.Background(), args[0], args[1], args[2], platform); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func judge(ctx context.Context, policyFile, registries, name string, platform bool) error {
	system := &types.SystemContext{
		SignaturePolicyPath:         policyFile,
		RegistriesDirPath:           registries,
		SystemRegistriesConfPath:    os.DevNull,
		ArchitectureChoice:          "amd64",
		OSChoice:                    "linux",
		DockerInsecureSkipTLSVerify: types.OptionalBoolTrue,
	}
	policy, err := signature.DefaultPolicy(system)
	if err != nil {
		return err
	}
	rules, err := signature.NewPolicyContext(policy)
	if err != nil {
		return err
	}
	reference, err := docker.ParseReference("//" + name)
	if err != nil {
		return err
	}
	source, err := reference.NewImageSource(ctx, system)
	if err != nil {
		return err
	}
	defer source.Close()
	judged := image.UnparsedInstance(source, nil)
	if platform {
		bytes, mediaType, err := judged.Manifest(ctx)
		if err != nil {
			return err
		}
		if manifest.MIMETypeIsMultiImage(mediaType) {
			list, err := manifest.ListFromBlob(bytes, mediaType)
			if err != nil {
				return err
			}
			chosen, err := list.ChooseInstance(system)
			if err != nil {
				return err
			}
			judged = image.UnparsedInstance(source, &chosen)
		}
	}
	allowed, err := rules.IsRunningImageAllowed(ctx, judged)
	if err == nil && !allowed {
		return fmt.Errorf("%s is not allowed, without a reason", name)
	}
	return err
}
