package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
	"github.com/chhost/chhost/host/wasm"
)

// Code is a stable word for what went wrong.
type Code string

// The codes, see [Codes].
const (
	codeToken       Code = "unauthorized"
	codeForbidden   Code = "forbidden"
	codeHost        Code = "host_not_allowed"
	codeBrowser     Code = "cross_site"
	codeUnknown     Code = "unknown"
	codeMethod      Code = "method_not_allowed"
	codeType        Code = "unsupported_media_type"
	codeTooLarge    Code = "too_large"
	codeBody        Code = "bad_request"
	codeInvalid     Code = "invalid"
	codeExists      Code = "exists"
	codeRevision    Code = "revision_conflict"
	codeQuota       Code = "quota"
	codeRate        Code = "rate_limited"
	codeModule      Code = "module_refused"
	codeNoConnect   Code = "no_connect_callback"
	codeKeyInUse    Code = "idempotency_in_progress"
	codeKeyMismatch Code = "idempotency_mismatch"
	codeDamaged     Code = "tenant_damaged"
	codeStore       Code = "store_failed"
	codeFull        Code = "disk_full"
	codeBusy        Code = "busy"
	codeEnding      Code = "ending"
	codeGone        Code = "cancelled"
	codeInternal    Code = "internal"
)

// CodeRow says what a code means.
type CodeRow struct {
	Code   Code
	Status int
	Sense  string
}

// Codes lists all of them.
func Codes() []CodeRow {
	return []CodeRow{
		{codeToken, http.StatusUnauthorized, "there is no token, or it is not known or has expired"},
		{codeForbidden, http.StatusForbidden, "the token is not good for this"},
		{codeHost, http.StatusForbidden, "the name that was asked for is none of the API's"},
		{codeBrowser, http.StatusForbidden, "a browser's page asks: the API is not for pages"},
		{codeUnknown, http.StatusNotFound, "there is no such tenant, plugin, version or path"},
		{codeMethod, http.StatusMethodNotAllowed, "the path is for other methods, see the field Allow"},
		{codeType, http.StatusUnsupportedMediaType, "the body is of another type, or compressed"},
		{codeTooLarge, http.StatusRequestEntityTooLarge, "the body is too large"},
		{codeBody, http.StatusBadRequest, "the request cannot be read: its JSON, its header fields or its parameters"},
		{codeInvalid, http.StatusUnprocessableEntity, "the change makes no sense, the message says why"},
		{codeExists, http.StatusConflict, "what was to be made exists already"},
		{codeRevision, http.StatusPreconditionFailed, "the tenant has another revision than If-Match says"},
		{codeQuota, http.StatusForbidden, "the tenant has as much as it may, the message begins with which"},
		{codeRate, http.StatusTooManyRequests, "more than the tenant's rate lets through: none of it was done; Retry-After says when to try again"},
		{codeModule, http.StatusUnprocessableEntity, "the module cannot be served; detail.faults lists all that is wrong"},
		{codeNoConnect, http.StatusUnprocessableEntity, "the plugin that is to decide about sockets has no connect callback"},
		{codeKeyInUse, http.StatusConflict, "a request with this Idempotency-Key is being carried out"},
		{codeKeyMismatch, http.StatusUnprocessableEntity, "this Idempotency-Key was used for another request"},
		{codeDamaged, http.StatusInternalServerError, "the tenant's record is damaged: nothing of it is served or changed until the operator deletes it, or restores a backup"},
		{codeStore, http.StatusInternalServerError, "what is stored could not be read or changed; nothing has changed"},
		{codeFull, http.StatusInsufficientStorage, "there is no room on the host's disk; nothing has changed"},
		{codeBusy, http.StatusServiceUnavailable, "as much of this is under way as may be at once: try again later"},
		{codeEnding, http.StatusServiceUnavailable, "the host is ending"},
		{codeGone, http.StatusServiceUnavailable, "the request was given up before it was carried out"},
		{codeInternal, http.StatusInternalServerError, "a fault of the host's, which its log tells more of"},
	}
}

// rowOf is the row of a code.
func rowOf(code Code) CodeRow {
	for _, row := range Codes() {
		if row.Code == code {
			return row
		}
	}
	panic("BUG: the code " + string(code) + " is not in the table")
}

// failure is why a request was refused.
type failure struct {
	code    Code
	message string
	detail  *detail
	wait    time.Duration // after which it may be tried again; 0: nobody knows
}

// detail is what there is to say beside the message.
type detail struct {
	// Faults are all that is wrong with a module.
	Faults []string `json:"faults,omitempty"`
}

func (f *failure) Error() string { return f.message }

func fault(code Code, format string, args ...any) *failure {
	return &failure{code: code, message: fmt.Sprintf(format, args...)}
}

// blame finds the code of an error of the rooms below.
func blame(err error) *failure {
	var known *failure
	var module *wasm.ModuleError
	var large *http.MaxBytesError
	var rated *tenant.RateError
	as := func(code Code) *failure { return &failure{code: code, message: sentence(err)} }
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &module):
		return &failure{code: codeModule, message: module.Error(), detail: &detail{Faults: module.Faults}}
	case errors.As(err, &rated):
		return &failure{code: codeRate, message: sentence(rated), wait: rated.Wait}
	case errors.As(err, &large):
		return fault(codeTooLarge, "the body has more than %d bytes", large.Limit)
	case errors.Is(err, tenant.ErrDamaged):
		return as(codeDamaged)
	case errors.Is(err, tenant.ErrUnknown), errors.Is(err, registry.ErrNotFound):
		return as(codeUnknown)
	case errors.Is(err, tenant.ErrConflict):
		return as(codeRevision)
	case errors.Is(err, registry.ErrExists):
		return as(codeExists)
	case errors.Is(err, tenant.ErrQuota), errors.Is(err, registry.ErrTooLarge):
		return as(codeQuota)
	case errors.Is(err, registry.ErrFull):
		return as(codeFull)
	case errors.Is(err, tenant.ErrNoConnect):
		return as(codeNoConnect)
	case errors.Is(err, tenant.ErrInvalid), errors.Is(err, registry.ErrInvalid):
		return as(codeInvalid)
	case errors.Is(err, tenant.ErrEnded), errors.Is(err, wasm.ErrClosed), errors.Is(err, registry.ErrClosed):
		return as(codeEnding)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return as(codeGone)
	}
	return as(codeStore)
}

// sentence is the text of an error without the class in front of it, which the code says
// already: the "tenant: unknown: " of "tenant: unknown: foods@9 is not stored" is for the
// host's log. Behind other classes is a name and no sentence: those stay.
func sentence(err error) string {
	text := err.Error()
	for _, class := range []error{tenant.ErrUnknown, tenant.ErrInvalid, registry.ErrInvalid} {
		text = strings.TrimPrefix(text, class.Error()+": ")
	}
	if errors.Is(err, tenant.ErrConflict) { // of which the class is the sentence
		text = strings.TrimPrefix(text, "tenant: ")
	}
	return text
}

// errorBody is the shape of all errors.
type errorBody struct {
	Error struct {
		Code    Code    `json:"code"`
		Message string  `json:"message"`
		Detail  *detail `json:"detail,omitempty"`
	} `json:"error"`
}

// refuse answers with an error. What is the host's fault is logged, without anything
// that the request has brought.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	f := blame(err)
	status := rowOf(f.code).Status
	if status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable {
		a.log.Error("a request to the admin API failed", "route", r.Pattern, "err", err)
		if who, err := a.identify(r); err != nil || !who.operator {
			f.message = rowOf(f.code).Sense // where the host has its files is not a tenant's business
		}
	}
	if f.code == codeToken {
		w.Header().Set("WWW-Authenticate", `Bearer realm="chhost"`)
	}
	if f.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.wait.Seconds()))))
	}
	var body errorBody
	body.Error.Code, body.Error.Message, body.Error.Detail = f.code, f.message, f.detail
	write(w, status, body)
}

// write answers with JSON.
func write(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("BUG: an answer that is no JSON: %v", err))
	}
	patient(w)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // whom it does not reach is gone
}
