package main

import "github.com/spf13/cobra"

func scanCommand(e *env) *cobra.Command {
	return noun("scan", "What the detectors of personal data, secrets and instructions find", "")
}
