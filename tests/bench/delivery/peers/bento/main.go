// A Bento with only the components of the race.
//
// Stock Bento keeps two idle connections to a host and has no setting for it, so that with many requests in
// flight it dials for most of them. Whoever runs it in earnest builds a program like this one.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"strconv"

	_ "github.com/warpstreamlabs/bento/public/components/io"
	_ "github.com/warpstreamlabs/bento/public/components/kafka"
	_ "github.com/warpstreamlabs/bento/public/components/pure"
	"github.com/warpstreamlabs/bento/public/service"
)

func main() {
	idle, err := strconv.Atoi(os.Getenv("IDLE_CONNECTIONS"))
	if err != nil {
		log.Fatal("IDLE_CONNECTIONS: ", err)
	}
	pool := http.DefaultTransport.(*http.Transport)
	pool.MaxIdleConns, pool.MaxIdleConnsPerHost = idle, idle
	service.RunCLI(context.Background())
}
