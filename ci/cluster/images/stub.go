// The only program in the cluster's smallest images. Its first argument says what it does:
//
//	pause, sleep    wait until they are told to end: one to hold a pod's namespaces, one as a pod's own container
//	crash           fails at once: one line on standard error, exit code 3
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	switch what := append(os.Args, "nothing")[1]; what {
	case "pause", "sleep":
		ended := make(chan os.Signal, 1)
		signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
		<-ended
	case "crash":
		fmt.Fprintln(os.Stderr, "crash: this container always fails")
		os.Exit(3)
	default:
		fmt.Fprintf(os.Stderr, "stub: cannot do %q\n", what)
		os.Exit(2)
	}
}
