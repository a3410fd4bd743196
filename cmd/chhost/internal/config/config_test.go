package config

import (
	"bytes"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// Every row has what the documentation and the three sources need of it, and no two
// can be taken for each other.
func TestTable(t *testing.T) {
	seen := make(map[string]bool)
	form := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	group, groups := "", make(map[string]bool)
	for _, r := range Serve() {
		if !form.MatchString(r.Name) || seen[r.Name] {
			t.Errorf("%q is no name, or there twice", r.Name)
		}
		seen[r.Name] = true
		if r.Group != group && groups[r.Group] {
			t.Errorf("%s: the heading %q is there twice", r.Name, r.Group)
		}
		group, groups[r.Group] = r.Group, true
		if r.Usage == "" || strings.Contains(r.Usage, "repeatable") {
			t.Errorf("%s: usage %q: it says what the row does, and the flag that it is repeatable", r.Name, r.Usage)
		}
		if r.Kind != Switch && r.Default == "" && len(r.Example) == 0 && !r.FlagOnly {
			t.Errorf("%s has neither default nor example", r.Name)
		}
		for _, prefix := range foreign {
			if strings.HasPrefix(r.Env(), prefix) {
				t.Errorf("%s: Kubernetes gives containers variables that begin with %s", r.Name, prefix)
			}
		}
	}
}

// The documentation without its comment marks is a file that says every key.
func TestDocumentIsAFile(t *testing.T) {
	var doc bytes.Buffer
	if err := Serve().Document(&doc); err != nil {
		t.Fatal(err)
	}
	if values, err := Serve().Parse("doc.toml", doc.Bytes()); err != nil || len(values) != 0 {
		t.Errorf("as it is: %v, %v", values, err)
	}
	text := regexp.MustCompile(`(?m)^#([a-z-]+ = )`).ReplaceAll(doc.Bytes(), []byte("$1"))
	values, err := Serve().Parse("doc.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Serve() {
		value, ok := values[r.Name]
		if ok == r.FlagOnly {
			t.Errorf("%s: there: %v", r.Name, ok)
		}
		if ok && r.Default != "" && r.DefaultText == "" && value.Texts[0] != r.Default {
			t.Errorf("%s = %q, default %q", r.Name, value.Texts, r.Default)
		}
		if !r.FlagOnly && !strings.Contains(doc.String(), "# --"+r.Name+", "+r.Env()+"\n") {
			t.Errorf("flag and variable of %s are not told", r.Name)
		}
	}
}

func TestParse(t *testing.T) {
	values, err := Serve().Parse("/etc/chhost/chhost.toml", []byte(`# a comment
addr = "0.0.0.0:80"
grace = '10s'
compression = true
fuel-per-second = 1_000
outbox = 65536

route = [
	"a,b:*=x.wasm",
	"c=/opt/y.wasm",
]
connect = "z/auth.wasm"
cache = ""
`))
	want := Values{
		"addr":            {[]string{"0.0.0.0:80"}, "/etc/chhost/chhost.toml:2"},
		"grace":           {[]string{"10s"}, "/etc/chhost/chhost.toml:3"},
		"compression":     {[]string{"true"}, "/etc/chhost/chhost.toml:4"},
		"fuel-per-second": {[]string{"1000"}, "/etc/chhost/chhost.toml:5"},
		"outbox":          {[]string{"65536"}, "/etc/chhost/chhost.toml:6"},
		"route":           {[]string{"a,b:*=/etc/chhost/x.wasm", "c=/opt/y.wasm"}, "/etc/chhost/chhost.toml:8"},
		"connect":         {[]string{"/etc/chhost/z/auth.wasm"}, "/etc/chhost/chhost.toml:12"},
		"cache":           {[]string{""}, "/etc/chhost/chhost.toml:13"},
	}
	if err != nil || !reflect.DeepEqual(values, want) {
		t.Errorf("got %v, %v", values, err)
	}
}

// Everything that is wrong is told at once, each with its line.
func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct{ text, says string }{
		{"\nrout = []", `f.toml:2: there is no key "rout": did you mean "route"?`},
		{"drain_delay = '1s'", `did you mean "drain-delay"?`},
		{"frobnication = 1", `f.toml:1: there is no key "frobnication": chhost config doc lists them`},
		{"config = 'other.toml'", `there is no key "config"`},
		{"[serve]\naddr = 'a:1'", `there is no key "serve"`},
		{"a.b = 1", `there is no key "a"`},
		{"addr = 4000", "f.toml:1: addr = 4000: expected a string"},
		{"grace = 30", "expected a time with its unit"},
		{"grace = '30'", `grace = "30": expected a time with its unit`},
		{"compression = 'yes'", "expected true or false"},
		{"fuel-per-second = 1.5", "fuel-per-second = 1.5: expected a whole number"},
		{"route = 'a=b'", `route = "a=b": expected a list of strings`},
		{"route = [1]", "route = a list: expected a list of strings"},
		{"outbox = true", "outbox = true: expected a number of bytes, or a string"},
		{"[[route]]\na = 1", "route = a list: expected"},
		{"addr = 'a:1'\naddr = 'b:1'", "f.toml:2:"},
		{"addr = ", "f.toml:1:"},
		{"addr = 'a:1'\ngrace = 5 s", "f.toml:2:"},
		{"\"addr\n", "f.toml:1:"},
		{"x = 1\naddr = 4\ny = 2", "f.toml:3: there is no key \"y\""},
	} {
		values, err := Serve().Parse("f.toml", []byte(tc.text))
		var faults Faults
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%q: got %v, %v; want faults with %q", tc.text, values, err, tc.says)
		}
	}
}

func TestEnvironment(t *testing.T) {
	values, err := Serve().Environment([]string{
		"PATH=/bin", "CHHOST_ADDR=0.0.0.0:80", "CHHOST_DRAIN_DELAY=1s", "CHHOST_COMPRESSION=true",
		"CHHOST_ROUTE=a,b=c.wasm", `CHHOST_SET=["a=[1]", "b=x, y"]`, "CHHOST_MOUNT=[]",
		"CHHOST_PORT=tcp://10.0.0.1:4000", "CHHOST_PORT_4000_TCP_ADDR=10.0.0.1", "CHHOST_SERVICE_HOST=10.0.0.1", "CHHOST_FROBNICATION=1",
	})
	want := Values{
		"addr":        {[]string{"0.0.0.0:80"}, "CHHOST_ADDR"},
		"drain-delay": {[]string{"1s"}, "CHHOST_DRAIN_DELAY"},
		"compression": {[]string{"true"}, "CHHOST_COMPRESSION"},
		"route":       {[]string{"a,b=c.wasm"}, "CHHOST_ROUTE"},
		"set":         {[]string{"a=[1]", "b=x, y"}, "CHHOST_SET"},
		"mount":       {[]string{}, "CHHOST_MOUNT"},
	}
	if err != nil || !reflect.DeepEqual(values, want) {
		t.Errorf("got %v, %v", values, err)
	}
	for _, tc := range []struct{ variable, says string }{
		{"CHHOST_ADR=x", "CHHOST_ADR: there is no such variable: did you mean CHHOST_ADDR?"},
		{"CHHOST_GRACE=5", `CHHOST_GRACE: "5": expected a time with its unit`},
		{"CHHOST_COMPRESSION=", `CHHOST_COMPRESSION: "": expected true or false`},
		{`CHHOST_ROUTE=["a=b"`, "CHHOST_ROUTE: "},
		{`CHHOST_ROUTE=[1]`, "or a list of strings"},
		{"CHHOST_FUEL_PER_SECOND=1e9", "expected a whole number"},
	} {
		if values, err := Serve().Environment([]string{tc.variable}); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: got %v, %v; want %q", tc.variable, values, err, tc.says)
		}
	}
}

func TestOver(t *testing.T) {
	strong, weak := Values{"a": {[]string{"1"}, "s"}}, Values{"a": {[]string{"2"}, "w"}, "b": {[]string{"3"}, "w"}}
	if got, want := strong.Over(weak), (Values{"a": strong["a"], "b": weak["b"]}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("addr = 'a:1'\n[x]\ny = 1")
	f.Add("route = ['a=b']\nrout = 2")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := Serve().Parse("f.toml", []byte(text))
		for name := range values {
			if _, ok := Serve().Find(name); !ok {
				t.Errorf("%q: the key %q, %v", text, name, err)
			}
		}
	})
}
