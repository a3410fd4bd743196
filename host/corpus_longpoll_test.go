package host_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// polling is what a prober knows of the sessions that it polls.
type polling struct {
	token, other string   // the newest, and the one before, of whichever session
	opened       []string // every token that an answer had
}

// sessionToken is a token in an answer.
var sessionToken = regexp.MustCompile(`lp1\.[\w-]+`)

// learn notes the token of an answer, and returns the answer with a name in its
// place: what stands there cannot be known before.
func (p *prober) learn(body string) string {
	for _, token := range sessionToken.FindAllString(body, -1) {
		if token != p.polling.token {
			p.polling.token, p.polling.other = token, p.polling.token
		}
		p.polling.opened = append(p.polling.opened, token)
	}
	return sessionToken.ReplaceAllLiteralString(body, "TOKEN")
}

// named puts in what the names in a line of a request stand for.
func (p *prober) named(line string) string {
	token := p.polling.token
	short := token[:max(0, len(token)-1)]
	forged := short + "A"
	if forged == token {
		forged = short + "B"
	}
	return strings.NewReplacer("HOST", p.address, "TOKEN", token, "OTHER", p.polling.other,
		"FORGED", forged, "SHORT", short).Replace(line)
}

// open opens a session, at the path and with the query, if there is one.
func (p *prober) open(target string) {
	p.t.Helper()
	if target == "" {
		target = "/socket/longpoll?vsn=2.0.0"
	}
	p.write([]byte("GET " + target + " HTTP/1.1\r\nHost: " + p.address + "\r\n\r\n"))
	p.expectStatus(`200 "{\"status\":410,\"token\":\"TOKEN\",\"messages\":[]}"`)
}

// ask sends a whole request: its method, its query, and its body if it has one.
func (p *prober) ask(request string) {
	p.t.Helper()
	method, rest, _ := strings.Cut(request, " ")
	query, body, hasBody := strings.Cut(rest, " ")
	p.raw.WriteString(method + " /socket/longpoll?vsn=2.0.0&" + p.named(query) + " HTTP/1.1\r\nHost: " + p.address + "\r\n")
	if hasBody {
		p.body(p.text(body))
		return
	}
	p.raw.WriteString("\r\n")
	p.flush()
}

// body ends the request that has been begun, with this in it.
func (p *prober) body(data string) {
	p.t.Helper()
	fmt.Fprintf(&p.raw, "Content-Length: %d\r\n\r\n%s", len(data), data)
	p.flush()
}

func (p *prober) flush() {
	p.t.Helper()
	p.write(p.raw.Bytes())
	p.raw.Reset()
}

// expectPolls wants the newest session to answer a heartbeat, and to have nothing
// to say before.
func (p *prober) expectPolls() {
	p.t.Helper()
	p.ask("POST token=TOKEN " + strconv.Quote(heartbeat))
	p.expectStatus(`200 "{\"status\":200}"`)
	p.ask("GET token=TOKEN")
	p.expectStatus("200 " + strconv.Quote(`{"status":200,"token":"TOKEN","messages":[`+strconv.Quote(heartbeatReply)+`]}`))
}

// forget ends the sessions that a case has left: nobody would before they are idle.
func (p *prober) forget() {
	p.t.Helper()
	for _, token := range p.polling.opened {
		for _, mount := range []string{"/socket", "/other"} {
			p.hangUp()
			p.write([]byte("DELETE " + mount + "/longpoll?token=" + token + " HTTP/1.1\r\nHost: " + p.address + "\r\nConnection: close\r\n\r\n"))
			p.expectStatus("200")
		}
	}
}
