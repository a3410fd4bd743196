package client

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func serve(method string, header http.Header) *http.Response {
	r := httptest.NewRequest(method, "/chhost.js", nil)
	r.Header = header
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestHandlerServesTheScript(t *testing.T) {
	r := serve(http.MethodGet, http.Header{})
	if r.StatusCode != http.StatusOK {
		t.Fatalf("status %d, want 200", r.StatusCode)
	}
	for name, want := range map[string]string{
		"Content-Type":           "text/javascript; charset=utf-8",
		"Cache-Control":          "no-cache",
		"X-Content-Type-Options": "nosniff",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if text := body(t, r); text != source || !strings.Contains(text, "globalThis.chhost") {
		t.Errorf("the body is not the script (%d bytes, want %d)", len(text), len(source))
	}
}

func TestHandlerAnswersNotModified(t *testing.T) {
	etag := serve(http.MethodGet, http.Header{}).Header.Get("ETag")
	if len(etag) < 10 || !strings.HasPrefix(etag, `"`) {
		t.Fatalf("ETag is %q, want a strong tag", etag)
	}
	if r := serve(http.MethodGet, http.Header{"If-None-Match": {etag}}); r.StatusCode != http.StatusNotModified {
		t.Errorf("status %d for the current tag, want 304", r.StatusCode)
	}
	if r := serve(http.MethodGet, http.Header{"If-None-Match": {`"old"`}}); r.StatusCode != http.StatusOK {
		t.Errorf("status %d for an old tag, want 200", r.StatusCode)
	}
}

func TestHandlerRefusesOtherMethods(t *testing.T) {
	r := serve(http.MethodPost, http.Header{})
	if r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("status %d, Allow %q", r.StatusCode, r.Header.Get("Allow"))
	}
	if r := serve(http.MethodHead, http.Header{}); r.StatusCode != http.StatusOK || body(t, r) != "" {
		t.Errorf("HEAD: status %d, want 200 and no body", r.StatusCode)
	}
}
