// The same requests by net/http: client URL CONCURRENCY REQUESTS [ROUNDS]
// REQUESTS 0: streams, paced by the server
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func cpu() (float64, float64) {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	s := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return s(u.Utime) + s(u.Stime), float64(u.Maxrss) / 1024
}

type chunk struct {
	Choices []struct {
		Delta struct{ Content string }
	}
}

func stream(client *http.Client, url string) (tokens int64) {
	reply, err := client.Post(url, "application/json", nil)
	if err != nil {
		panic(err)
	}
	defer reply.Body.Close()
	lines := bufio.NewScanner(reply.Body)
	for lines.Scan() {
		data := bytes.TrimPrefix(lines.Bytes(), []byte("data: "))
		var c chunk
		if len(data) > 0 && data[0] == '{' && json.Unmarshal(data, &c) == nil {
			tokens++
		}
	}
	return
}

func main() {
	url := os.Args[1]
	concurrency, _ := strconv.Atoi(os.Args[2])
	requests, _ := strconv.Atoi(os.Args[3])
	rounds := 3
	if len(os.Args) > 4 {
		rounds, _ = strconv.Atoi(os.Args[4])
	}
	body := append([]byte("{}"), bytes.Repeat([]byte(" "), 455)...)
	transport := &http.Transport{MaxIdleConnsPerHost: concurrency, MaxIdleConns: concurrency}
	client := &http.Client{Transport: transport}
	run := func(n int) {
		var started int64
		var all sync.WaitGroup
		for i := 0; i < concurrency; i++ {
			all.Add(1)
			go func() {
				defer all.Done()
				for atomic.AddInt64(&started, 1) <= int64(n) {
					request, _ := http.NewRequest("POST", url, bytes.NewReader(body))
					request.Header.Set("Content-Type", "application/json")
					request.Header.Set("Authorization", "Bearer key")
					reply, err := client.Do(request)
					if err != nil {
						panic(err)
					}
					io.ReadAll(reply.Body)
					reply.Body.Close()
				}
			}()
		}
		all.Wait()
	}
	if requests == 0 {
		for i := 0; i < rounds; i++ {
			before, _ := cpu()
			var tokens int64
			var all sync.WaitGroup
			for i := 0; i < concurrency; i++ {
				all.Add(1)
				go func() {
					defer all.Done()
					atomic.AddInt64(&tokens, stream(client, url))
				}()
			}
			all.Wait()
			after, rss := cpu()
			fmt.Printf("{\"client\":\"go stream\",\"c\":%d,\"cpu_us\":%.2f,\"rss_mib\":%.1f}\n",
				concurrency, (after-before)*1e6/float64(tokens), rss)
		}
		return
	}
	run(concurrency * 4)
	for i := 0; i < rounds; i++ {
		before, _ := cpu()
		t := time.Now()
		run(requests)
		wall := time.Since(t).Seconds()
		after, rss := cpu()
		fmt.Printf("{\"client\":\"go\",\"c\":%d,\"req_s\":%.0f,\"cpu_us\":%.2f,\"rss_mib\":%.1f}\n",
			concurrency, float64(requests)/wall, (after-before)*1e6/float64(requests), rss)
	}
}
