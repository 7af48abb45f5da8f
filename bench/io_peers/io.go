// The rows of bench/io in Go, on one processor (GOMAXPROCS=1): what one loop is to be compared with.
// usage: io [WHAT]
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"
)

const (
	pings, clients, bulk, block      = 100000, 100, 1 << 30, 64 << 10
	connects, files, spawns, at50    = 20000, 20000, 1000, 50
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func mapped(n, atOnce int, fn func()) float64 {
	gate := make(chan bool, atOnce)
	var all sync.WaitGroup
	start := time.Now()
	for i := 0; i < n; i++ {
		gate <- true
		all.Add(1)
		go func() { fn(); <-gate; all.Done() }()
	}
	all.Wait()
	return time.Since(start).Seconds()
}

func withServer(handler func(net.Conn), n, atOnce int, client func(net.Conn)) float64 {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { handler(c); c.Close() }()
		}
	}()
	took := mapped(n, atOnce, func() {
		c, err := net.Dial("tcp", l.Addr().String())
		must(err)
		client(c)
		c.Close()
	})
	l.Close()
	return took
}

func echo(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		c.Write(line)
	}
}

func swallow(c net.Conn) {
	b := make([]byte, block)
	for {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}

func ping(each int) func(net.Conn) {
	return func(c net.Conn) {
		r := bufio.NewReader(c)
		for i := 0; i < each; i++ {
			c.Write([]byte("sixteen bytes..\n"))
			_, err := r.ReadSlice('\n')
			must(err)
		}
	}
}

func pour(c net.Conn) {
	b := make([]byte, block)
	for i := 0; i < bulk/block; i++ {
		_, err := c.Write(b)
		must(err)
	}
	c.(*net.TCPConn).CloseWrite()
	c.Read(b[:1])
}

func main() {
	what, shown := "all", "{"
	if len(os.Args) > 1 {
		what = os.Args[1]
	}
	show := func(name, unit string, value func() float64) {
		if what == "all" || what == name {
			fmt.Printf("%s\"%s_%s\": %.4g", shown, name, unit, value())
			shown = ", "
		}
	}
	path := fmt.Sprintf("/tmp/duet-bench-%d", os.Getpid())
	must(os.WriteFile(path, []byte("a small file"), 0600))
	defer os.Remove(path)
	show("pingpong", "us", func() float64 { return withServer(echo, 1, 1, ping(pings)) / pings * 1e6 })
	show("pingpong100", "us", func() float64 {
		return withServer(echo, clients, clients, ping(pings/clients)) / pings * 1e6
	})
	show("bulk", "gb_s", func() float64 { return bulk / 1e9 / withServer(swallow, 1, 1, pour) })
	show("connect", "us", func() float64 {
		return withServer(swallow, connects, at50, func(net.Conn) {}) / connects * 1e6
	})
	show("file", "us", func() float64 {
		return mapped(files, 32, func() { _, err := os.ReadFile(path); must(err) }) / files * 1e6
	})
	show("spawn", "us", func() float64 {
		return mapped(spawns, 4, func() { _, err := exec.Command("/bin/true").Output(); must(err) }) / spawns * 1e6
	})
	fmt.Println("}")
}
