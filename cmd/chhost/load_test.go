package main

import (
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/chhost/chhost/cmd/chhost/internal/load"
)

// TestLoadHelpTellsTheReport: its JSON is described nowhere else.
func TestLoadHelpTellsTheReport(t *testing.T) {
	var help strings.Builder
	if code := doMain(t.Context(), nil, []string{"chhost", "load", "--help"}, strings.NewReader(""), &help, io.Discard); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	var look func(reflect.Type)
	look = func(of reflect.Type) {
		for of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct {
			return
		}
		for i := range of.NumField() {
			field := of.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" || !regexp.MustCompile(`\b`+name+`\b`).MatchString(help.String()) {
				t.Errorf("%s.%s: the help does not tell of %q", of.Name(), field.Name, name)
			}
			look(field.Type)
		}
	}
	look(reflect.TypeFor[load.Report]())
}
