// The rows of bench/tasks in Go, on one processor: goroutines, channels, sync.Mutex.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func show(name string, value float64) { fmt.Printf("%s\t%.4g\n", name, value) }

func perOp(name string, n int, body func()) {
	began := time.Now()
	body()
	show(name, float64(time.Since(began).Nanoseconds())/float64(n))
}

func spawnRounds(name string, n int, body func()) {
	const alive = 1000
	perOp(name, n, func() {
		var done sync.WaitGroup
		for i := 0; i < n; i += alive {
			done.Add(alive)
			for k := 0; k < alive; k++ {
				go func() {
					body()
					done.Done()
				}()
			}
			done.Wait()
		}
	})
}

func yieldAmong(name string, n, tasks int) {
	perOp(name, n, func() {
		var done sync.WaitGroup
		for i := 0; i < tasks; i++ {
			done.Add(1)
			go func() {
				for k := 0; k < n/tasks; k++ {
					runtime.Gosched()
				}
				done.Done()
			}()
		}
		done.Wait()
	})
}

func queue(name string, n int) {
	there, back := make(chan int, 1), make(chan int, 1)
	var done sync.WaitGroup
	passOn := func(in, out chan int) {
		for i := 0; i < n/2; i++ {
			out <- <-in
		}
		done.Done()
	}
	done.Add(2)
	perOp(name, n, func() {
		go passOn(there, back)
		go passOn(back, there)
		there <- 0
		done.Wait()
	})
}

func mutexFree(name string, n int) {
	var m sync.Mutex
	perOp(name, n, func() {
		for i := 0; i < n; i++ {
			m.Lock()
			m.Unlock()
		}
	})
}

func mutexHandoff(name string, n int) {
	var m sync.Mutex
	var done sync.WaitGroup
	perOp(name, n, func() {
		for t := 0; t < 2; t++ {
			done.Add(1)
			go func() {
				for i := 0; i < n/2; i++ {
					m.Lock()
					runtime.Gosched()
					m.Unlock()
				}
				done.Done()
			}()
		}
		done.Wait()
	})
}

func peakBytes() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Maxrss * 1024
}

func sleepers(name string, n int) {
	var done sync.WaitGroup
	base := peakBytes()
	began := time.Now()
	for i := 0; i < n; i++ {
		done.Add(1)
		go func() {
			time.Sleep(time.Second)
			done.Done()
		}()
	}
	done.Wait()
	show(name+"_over_ms", float64(time.Since(began).Milliseconds())-1000)
	show(name+"_bytes", float64(peakBytes()-base)/float64(n))
}

func cpu() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func wake(name string, n int) {
	var wakes int64
	until := time.Now().Add(4 * time.Second)
	for i := 0; i < n; i++ {
		random := uint32(i)*2654435761 + 1
		go func() {
			for time.Now().Before(until) {
				random = random*1664525 + 1013904223
				time.Sleep(time.Millisecond + time.Duration(random%99000000))
				wakes++
			}
		}()
	}
	time.Sleep(time.Second)
	before, began := wakes, cpu()
	time.Sleep(2 * time.Second)
	show(name, float64(cpu()-began)/float64(wakes-before))
}

var rows = map[string]func(string, int){
	"spawn":         func(name string, n int) { spawnRounds(name, n, func() {}) },
	"spawn_yield":   func(name string, n int) { spawnRounds(name, n, runtime.Gosched) },
	"yield_2":       func(name string, n int) { yieldAmong(name, n, 2) },
	"yield_1000":    func(name string, n int) { yieldAmong(name, n, 1000) },
	"queue":         queue,
	"mutex_free":    mutexFree,
	"mutex_handoff": mutexHandoff,
	"sleep":         sleepers,
	"wake":          wake,
}

func main() {
	runtime.GOMAXPROCS(1)
	n, _ := strconv.Atoi(os.Args[2])
	row := os.Args[1]
	if strings.HasPrefix(row, "sleep_") || strings.HasPrefix(row, "wake_") {
		rows[row[:strings.Index(row, "_")]](row, n)
		return
	}
	rows[row](row, n)
}
