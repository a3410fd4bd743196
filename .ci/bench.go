//go:build ignore

// Command bench measures the figures that a file declares, and prints them as a
// table: what each came to, its least and its largest, the bound, the peer.
//
//	bench FIGURES DIR RUNS BENCHTIME REGEXP
//
// It builds the tests of each package in the file into DIR and runs their
// benchmarks RUNS times, one package after the other and then all again, so that a
// machine that becomes slower does so for both parts of a ratio. The median of the
// runs is the value; a ratio is made in each run, of what was measured beside it.
// Of the packages' benchmarks only those run that a chosen figure needs: REGEXP
// chooses by the section, the name or the benchmark.
//
// A figure that misses its bound is no failure: how fast it is depends on the
// machine. A benchmark that fails, or a figure that is not there, is one.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// figure is a line of the file.
type figure struct {
	pkg, name   string
	of, over    source // over: what of is divided by, if it names a benchmark
	divisor     float64
	bound, goal limit
	peer        string
}

// source is a metric of a benchmark, whose name is without "Benchmark".
type source struct{ benchmark, metric string }

// limit is "<= 3" or ">= 3"; the zero limit is none.
type limit struct {
	text   string
	least  bool
	number float64
}

// results are what the benchmarks of one run came to, by source.
type results map[source]float64

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: bench FIGURES DIR RUNS BENCHTIME REGEXP")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(file, dir, count, benchtime, choice string) error {
	runs, err := strconv.Atoi(count)
	if err != nil || runs < 1 {
		return fmt.Errorf("RUNS=%s: give a number of at least 1", count)
	}
	chosen, err := regexp.Compile(choice)
	if err != nil {
		return fmt.Errorf("BENCH: %w", err)
	}
	figures, err := read(file, chosen)
	if err != nil {
		return err
	}
	if len(figures) == 0 {
		return fmt.Errorf("BENCH=%s chooses no figure of %s", choice, file)
	}
	var packages []string
	for _, f := range figures {
		if !slices.Contains(packages, f.pkg) {
			packages = append(packages, f.pkg)
		}
	}
	binaries, err := build(packages, dir)
	if err != nil {
		return err
	}
	measured := map[string][]results{}
	skipped := map[source]string{}
	var failed []error
	for i := range runs {
		for n, pkg := range packages {
			fmt.Fprintf(os.Stderr, "run %d of %d: %s\n", i+1, runs, pkg)
			r, err := measure(binaries[n], pkg, needed(figures, pkg), benchtime, skipped)
			if err != nil { // the others are measured all the same
				failed = append(failed, fmt.Errorf("%s: %w", pkg, err))
			}
			measured[pkg] = append(measured[pkg], r)
		}
	}
	return errors.Join(append(failed, render(os.Stdout, figures, measured, skipped))...)
}

// read reads the file: a line [PACKAGE], then lines of five columns with | between
// them, the last of which may be left out. A line that starts with # says nothing.
func read(file string, chosen *regexp.Regexp) ([]figure, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var figures []figure
	pkg, n := "", 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case line == "" || line[0] == '#':
			continue
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			pkg = line[1 : len(line)-1]
			continue
		}
		f, err := parse(pkg, line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
		if chosen.MatchString(pkg) || chosen.MatchString(f.name) || chosen.MatchString(f.of.benchmark) {
			figures = append(figures, f)
		}
	}
	return figures, nil
}

func parse(pkg, line string) (f figure, err error) {
	columns := append(strings.Split(line, "|"), "", "", "")
	for i := range columns {
		columns[i] = strings.TrimSpace(columns[i])
	}
	if len(columns) < 5 || len(columns) > 8 || pkg == "" {
		return f, fmt.Errorf("want FIGURE | BENCHMARK METRIC [: BENCHMARK METRIC or NUMBER] | BOUND | GOAL | PEER, below a [PACKAGE]")
	}
	// A name that is indented goes with the one above.
	name, _, _ := strings.Cut(line, "|")
	f = figure{pkg: pkg, name: strings.TrimRight(name, " "), divisor: 1, peer: columns[4]}
	of, over, divided := strings.Cut(columns[1], " : ")
	if f.of, err = parseSource(of); err != nil {
		return f, err
	}
	if divided {
		if f.divisor, err = strconv.ParseFloat(over, 64); err != nil {
			f.divisor = 0
			if f.over, err = parseSource(over); err != nil {
				return f, err
			}
		}
	}
	if f.bound, err = parseLimit(columns[2]); err == nil {
		f.goal, err = parseLimit(columns[3])
	}
	return f, err
}

func parseSource(text string) (source, error) {
	words := strings.Fields(text)
	if len(words) != 2 {
		return source{}, fmt.Errorf("%q is no benchmark and metric, such as Decode/v2 ns/op", text)
	}
	return source{words[0], words[1]}, nil
}

func parseLimit(text string) (l limit, err error) {
	if text == "" {
		return l, nil
	}
	relation, number, _ := strings.Cut(text, " ")
	if l = (limit{text: text, least: relation == ">="}); !l.least && relation != "<=" {
		return l, fmt.Errorf("%q is no bound, such as <= 400", text)
	}
	l.number, err = strconv.ParseFloat(number, 64)
	return l, err
}

// build makes a test binary for each package.
func build(packages []string, dir string) (binaries []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, pkg := range packages {
		binary, err := filepath.Abs(filepath.Join(dir, strings.ReplaceAll(pkg, "/", "-")+".test"))
		if err != nil {
			return nil, err
		}
		cmd := exec.Command("go", "test", "-c", "-o", binary, "./"+pkg)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w\n%s", err, out)
		}
		binaries = append(binaries, binary)
	}
	return binaries, nil
}

// needed is the pattern for the benchmarks that the figures of a package are made of.
func needed(figures []figure, pkg string) string {
	var names []string
	for _, f := range figures {
		for _, s := range []source{f.of, f.over} {
			name, _, _ := strings.Cut(s.benchmark, "/")
			if f.pkg == pkg && name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return "^Benchmark(" + strings.Join(names, "|") + ")$"
}

// measure runs the benchmarks of a package once. The error is that one has failed;
// what the others came to is returned all the same.
func measure(binary, pkg, pattern, benchtime string, skipped map[source]string) (results, error) {
	var out bytes.Buffer
	cmd := exec.Command(binary, "-test.run=^$", "-test.v", "-test.benchmem", "-test.timeout=20m", "-test.bench="+pattern, "-test.benchtime="+benchtime)
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.FromSlash(pkg), &out, os.Stderr
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out.Bytes())
	}
	r := results{}
	said := bufio.NewScanner(&out)
	for why := ""; said.Scan(); {
		line := said.Text()
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "--- SKIP: Benchmark"); ok {
			skipped[source{benchmark: processors.ReplaceAllString(name, "")}] = why // it was said before
		}
		if _, text, ok := strings.Cut(line, ".go:"); ok {
			_, why, _ = strings.Cut(text, ": ")
		}
		r.add(line)
	}
	return r, errors.Join(err, said.Err())
}

var processors = regexp.MustCompile(`-\d+$`)

// add takes in a line such as "BenchmarkDecode/v2-2 780962 454.8 ns/op 0 B/op".
func (r results) add(line string) {
	words := strings.Fields(line)
	if len(words) < 4 || len(words)%2 != 0 {
		return
	}
	name, ok := strings.CutPrefix(words[0], "Benchmark")
	if !ok {
		return
	}
	for i := 2; i < len(words); i += 2 {
		if v, err := strconv.ParseFloat(words[i], 64); err == nil {
			r[source{processors.ReplaceAllString(name, ""), words[i+1]}] = v
		}
	}
}

// in is the figure's value in one run.
func (f *figure) in(r results) (float64, bool) {
	v, ok := r[f.of]
	divisor := f.divisor
	if f.over != (source{}) {
		var there bool
		divisor, there = r[f.over]
		ok = ok && there && divisor != 0
	}
	return v / divisor, ok
}

// unit is that of the metric; a ratio has none.
func (f *figure) unit() string {
	if f.over.metric == f.of.metric {
		return "x"
	}
	return f.of.metric
}

// why is the reason why a benchmark of the figure was skipped, if one was, or the
// one above it.
func (f *figure) why(skipped map[source]string) (string, bool) {
	for _, s := range []source{f.of, f.over} {
		for name := s.benchmark; name != ""; {
			if why, ok := skipped[source{benchmark: name}]; ok {
				return why, true
			}
			name = name[:max(strings.LastIndexByte(name, '/'), 0)]
		}
	}
	return "", false
}

func render(w io.Writer, figures []figure, measured map[string][]results, skipped map[source]string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tvalue\tunit\tmin .. max\tbound\t\tgoal\t\tpeer")
	pkg, missing, missed := "", []string(nil), 0
	for _, f := range figures {
		if f.pkg != pkg {
			pkg = f.pkg
			fmt.Fprintf(table, "[%s]\t\t\t\t\t\t\t\t\n", pkg)
		}
		var values []float64
		for _, r := range measured[pkg] {
			if v, ok := f.in(r); ok {
				values = append(values, v)
			}
		}
		if len(values) == 0 {
			why, ok := f.why(skipped)
			if !ok {
				missing = append(missing, f.pkg+" "+strings.TrimSpace(f.name))
				why = "its benchmark said nothing"
			}
			fmt.Fprintf(table, "%s\tnone\t\t%s\t%s\t\t%s\t\t%s\n", f.name, why, f.bound.text, f.goal.text, f.peer)
			continue
		}
		slices.Sort(values)
		value := values[len(values)/2]
		verdict := f.bound.verdict(value, "MISSED")
		if verdict == "MISSED" {
			missed++
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s .. %s\t%s\t%s\t%s\t%s\t%s\n", f.name, digits(value), f.unit(),
			digits(values[0]), digits(values[len(values)-1]), f.bound.text, verdict, f.goal.text, f.goal.verdict(value, "not yet"), f.peer)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if missed > 0 {
		fmt.Fprintf(w, "%d of the bounds are missed on this machine, as it is now\n", missed)
	}
	if len(missing) > 0 {
		return fmt.Errorf("declared, but not measured: %s", strings.Join(missing, "; "))
	}
	return nil
}

// verdict is "ok" or what a miss is called; empty without a limit.
func (l limit) verdict(v float64, miss string) string {
	switch {
	case l.text == "":
		return ""
	case l.least && v >= l.number, !l.least && v <= l.number:
		return "ok"
	}
	return miss
}

// digits writes a number with about three of them.
func digits(v float64) string {
	switch {
	case v == 0 || v >= 100 || v <= -100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v >= 0.01:
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}
