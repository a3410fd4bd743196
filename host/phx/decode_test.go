package phx_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/phx"
)

func nested(levels int) string {
	return `{"a":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
}

var (
	name255 = strings.Repeat("n", 255)
	name256 = strings.Repeat("n", 256)
)

const (
	invalid   = phx.ReasonInvalidFrame
	tooLong   = phx.ReasonNameTooLong
	notObject = phx.ReasonPayloadNotObject
)

// decodeCase is a frame and what it decodes to.
type decodeCase struct {
	frame string
	want  decoded
}

func v2Cases() []decodeCase {
	const u = `\u`
	ok := func(joinRef, ref phx.Ref, topic, event, data string) decoded {
		return decoded{JoinRef: joinRef, Ref: ref, Topic: topic, Event: event, Data: data}
	}
	bad := func(reason phx.Reason, joinRef, ref phx.Ref, topic, event string) decoded {
		return decoded{JoinRef: joinRef, Ref: ref, Topic: topic, Event: event, Reason: reason}
	}
	return []decodeCase{
		// what clients send
		{`["3","4","rooms:1","echo",{"x":1}]`, ok(`"3"`, `"4"`, "rooms:1", "echo", `{"x":1}`)},
		{`[null,"4","phoenix","heartbeat",{}]`, ok("", `"4"`, "phoenix", "heartbeat", `{}`)},
		{`[3,4,"t","e",{}]`, ok("3", "4", "t", "e", `{}`)},
		{`[-1.5e3,0,"t","e",{}]`, ok("-1.5e3", "0", "t", "e", `{}`)},
		{"\n [ \"3\" ,\t\"4\" , \"t\" , \"e\" , { \"x\" : 1 } ] \r\n", ok(`"3"`, `"4"`, "t", "e", `{ "x" : 1 }`)},
		{`["3","4","t","e",{},"more",[{}],null]`, ok(`"3"`, `"4"`, "t", "e", `{}`)},
		{`["3","4","t","e",` + nested(128) + `]`, ok(`"3"`, `"4"`, "t", "e", nested(128))},
		{`["3","4","t","e",{"s":"\ud800"}]`, ok(`"3"`, `"4"`, "t", "e", `{"s":"\ud800"}`)},
		{`["3","4","t","phx_join",{"a":1,"a":2}]`, ok(`"3"`, `"4"`, "t", "phx_join", `{"a":1,"a":2}`)},
		// what clients send that have nothing to say: as nil, and with no refs of their own
		{`["3","4","t","e",null]`, ok(`"3"`, `"4"`, "t", "e", `{}`)},
		{`["3","4","t","phx_join", null ]`, ok(`"3"`, `"4"`, "t", "phx_join", `{}`)},
		{`[0,1,"phoenix","heartbeat",null]`, ok("0", "1", "phoenix", "heartbeat", `{}`)},
		{`[0,1,"phoenix","heartbeat",[]]`, ok("0", "1", "phoenix", "heartbeat", `{}`)},
		{`[null,"1","phoenix","heartbeat","ping"]`, ok("", `"1"`, "phoenix", "heartbeat", `{}`)},
		{`["3","4","t","phx_leave",null]`, ok(`"3"`, `"4"`, "t", "phx_leave", `{}`)},
		{`["3","4","t","phx_leave",[{}]]`, ok(`"3"`, `"4"`, "t", "phx_leave", `{}`)},
		{`["","4","t","e",{}]`, ok(`""`, `"4"`, "t", "e", `{}`)},
		{`["3","","t","e",{}]`, ok(`"3"`, `""`, "t", "e", `{}`)},
		// names and refs with escapes
		{`["3","4","r` + u + `00e9\/\"` + u + `d83d` + u + `dE00","e\\",{}]`, ok(`"3"`, `"4"`, `ré/"😀`, `e\`, `{}`)},
		{`["` + u + `0033","\n","é","😀",{}]`, ok(`"`+u+`0033"`, `"\n"`, "é", "😀", `{}`)},
		// lengths, counted in bytes of the text
		{`["` + name255 + `",` + strings.Repeat("9", 255) + `,"` + name255 + `","` + name255 + `",{}]`,
			ok(phx.Ref(`"`+name255+`"`), phx.Ref(strings.Repeat("9", 255)), name255, name255, `{}`)},
		{`["3","` + strings.Repeat(u+"0031", 255) + `","` + strings.Repeat(u+"0031", 255) + `","e",{}]`,
			ok(`"3"`, phx.Ref(`"`+strings.Repeat(u+"0031", 255)+`"`), strings.Repeat("1", 255), "e", `{}`)},
		{`["` + name256 + `","4","t","e",{}]`, bad(tooLong, "", `"4"`, "t", "e")},
		{`["3","` + name256 + `","t","e",{}]`, bad(tooLong, `"3"`, "", "t", "e")},
		{`["3",` + strings.Repeat("9", 256) + `,"t","e",{}]`, bad(tooLong, `"3"`, "", "t", "e")},
		{`["3","4","` + name256 + `","e",{}]`, bad(tooLong, `"3"`, `"4"`, name256, "e")},
		{`["3","4","t","` + name256 + `",{}]`, bad(tooLong, `"3"`, `"4"`, "t", "")},
		{`["3","4","` + strings.Repeat("é", 128) + `","e",{}]`, bad(tooLong, `"3"`, `"4"`, strings.Repeat("é", 128), "e")},
		{`["3","4","` + strings.Repeat("t", 6*255+1) + `","e",{}]`, bad(tooLong, `"3"`, `"4"`, "", "e")},
		{`["3","4","t","` + strings.Repeat(u+"0031", 256) + `",{}]`, bad(tooLong, `"3"`, `"4"`, "t", "")},
		{`["3","4","t","` + strings.Repeat(u+"00e9", 128) + `",{}]`, bad(tooLong, `"3"`, `"4"`, "t", "")},
		{`["3","4","","e",{}]`, bad(tooLong, `"3"`, `"4"`, "", "e")},
		{`["3","4","t","",{}]`, bad(tooLong, `"3"`, `"4"`, "t", "")},
		// names that a plugin must never see
		{`["3","4","` + u + `0000","e",{}]`, bad(invalid, `"3"`, `"4"`, "", "e")},
		{`["3","4","t","a\nb",{}]`, bad(invalid, `"3"`, `"4"`, "t", "")},
		{`["3","4","t","` + u + `001f",{}]`, bad(invalid, `"3"`, `"4"`, "t", "")},
		{"[\"3\",\"4\",\"\u007f\",\"e\",{}]", bad(invalid, `"3"`, `"4"`, "", "e")},
		{`["3","4","t` + u + `d800","e",{}]`, bad(invalid, `"3"`, `"4"`, "", "e")},
		{`["3","4","t","` + u + `d800` + u + `0041",{}]`, bad(invalid, `"3"`, `"4"`, "t", "")},
		{`["3","4","t","` + u + `dc00` + u + `d800",{}]`, bad(invalid, `"3"`, `"4"`, "t", "")},
		{`["3","4","t","` + u + `d800x",{}]`, bad(invalid, `"3"`, `"4"`, "t", "")},
		{`["3","4","t","` + u + `d800\n",{}]`, bad(invalid, `"3"`, `"4"`, "t", "")},
		{`["` + u + `d800","4","t","e",{}]`, bad(invalid, "", `"4"`, "t", "e")},
		{`["3","` + u + `dfff","t","e",{}]`, bad(invalid, `"3"`, "", "t", "e")},
		// wrong types
		{`[true,"4","t","e",{}]`, bad(invalid, "", `"4"`, "t", "e")},
		{`["3",false,"t","e",{}]`, bad(invalid, `"3"`, "", "t", "e")},
		{`[[],"4","t","e",{}]`, bad(invalid, "", `"4"`, "t", "e")},
		{`["3",{},"t","e",{}]`, bad(invalid, `"3"`, "", "t", "e")},
		{`["3","4",null,"e",{}]`, bad(invalid, `"3"`, `"4"`, "", "e")},
		{`["3","4",5,"e",{}]`, bad(invalid, `"3"`, `"4"`, "", "e")},
		{`["3","4","t",["e"],{}]`, bad(invalid, `"3"`, `"4"`, "t", "")},
		{`["3","4","t","e",[]]`, bad(notObject, `"3"`, `"4"`, "t", "e")},
		{`["3","4","phoenix","beat",[]]`, bad(notObject, `"3"`, `"4"`, "phoenix", "beat")},
		{`["3","4","t","heartbeat",0]`, bad(notObject, `"3"`, `"4"`, "t", "heartbeat")},
		{`["3","4","t","e","{}"]`, bad(notObject, `"3"`, `"4"`, "t", "e")},
		{`["3","4","t","e",1]`, bad(notObject, `"3"`, `"4"`, "t", "e")},
		// several faults: the first field at fault counts
		{`["3","4","` + name256 + `",5,[]]`, bad(tooLong, `"3"`, `"4"`, name256, "")},
		{`["` + name256 + `",true,"t","e",{}]`, bad(tooLong, "", "", "t", "e")},
		{`["3","4","t",5,[]]`, bad(invalid, `"3"`, `"4"`, "t", "")},
		// too few elements
		{`[]`, bad(invalid, "", "", "", "")},
		{`["3"]`, bad(invalid, `"3"`, "", "", "")},
		{`["3","4"]`, bad(invalid, `"3"`, `"4"`, "", "")},
		{`["3","4","t"]`, bad(invalid, `"3"`, `"4"`, "t", "")},
		{`["3","4","t","e"]`, bad(invalid, `"3"`, `"4"`, "t", "e")},
		// not an array, not JSON: read up to the fault
		{``, bad(invalid, "", "", "", "")},
		{` `, bad(invalid, "", "", "", "")},
		{`{}`, bad(invalid, "", "", "", "")},
		{`"["`, bad(invalid, "", "", "", "")},
		{`{"topic":"t","event":"e","payload":{},"ref":"1"}`, bad(invalid, "", "", "", "")},
		{`[`, bad(invalid, "", "", "", "")},
		{`["3",`, bad(invalid, `"3"`, "", "", "")},
		{`["3","4","t`, bad(invalid, `"3"`, `"4"`, "", "")},
		{`["3","4","t","e",{]`, bad(invalid, `"3"`, `"4"`, "t", "e")},
		{`["3","4","t","e",{"a":01}]`, bad(invalid, `"3"`, `"4"`, "t", "e")},
		{`["3","4","t","e",{},]`, bad(invalid, `"3"`, `"4"`, "t", "e")},
		{`["3","4","t","e",{},nope]`, bad(invalid, `"3"`, `"4"`, "t", "e")},
		{`["3","4","t","e",{}`, bad(invalid, `"3"`, `"4"`, "t", "e")},
		{`["3","4","t","e",{}}`, bad(invalid, `"3"`, `"4"`, "t", "e")},
		{`["3","4","t","e",{}] []`, bad(invalid, `"3"`, `"4"`, "t", "e")},
		{`["3","4","t","e",{}]` + "\x00", bad(invalid, `"3"`, `"4"`, "t", "e")},
		{`["3","4","t" "e",{}]`, bad(invalid, `"3"`, `"4"`, "t", "")},
		{`["3","4","t","e",` + nested(129) + `]`, bad(invalid, `"3"`, `"4"`, "t", "e")},
		{`["3","4","t","e",{},` + nested(129) + `]`, bad(invalid, `"3"`, `"4"`, "t", "e")},
		{strings.Repeat(`[`, 1<<16), bad(invalid, "", "", "", "")},
		// not UTF-8, wherever it is and whatever else is wrong
		{"[\"3\",\"4\",\"t\xff\",\"e\",{}]", decoded{NotUTF8: true}},
		{"[\"3\",\"4\",\"t\",\"e\",{\"s\":\"\xc0\x80\"}]", decoded{NotUTF8: true}},
		{"[\"3\",\"4\",\"t\",\"e\",{\"s\":\"\xed\xa0\x80\"}]", decoded{NotUTF8: true}},
		{"[\"3\",\"4\",\"t\",\"e\",{\"\xe2\x82\":1}]", decoded{NotUTF8: true}},
		{"[nope,\"4\",\"t\",\"e\",{\"s\":\"\xff\"}]", decoded{NotUTF8: true}},
		{"[]\xff", decoded{NotUTF8: true}},
		{"\xff", decoded{NotUTF8: true}},
	}
}

func v1Cases() []decodeCase {
	cases := []decodeCase{
		{`{"topic":"t","event":"e","payload":{"x":1},"ref":"1"}`, decoded{Ref: `"1"`, Topic: "t", Event: "e", Data: `{"x":1}`}},
		{`{"topic":"t","event":"e","payload":{},"ref":"1","join_ref":"2"}`, decoded{JoinRef: `"2"`, Ref: `"1"`, Topic: "t", Event: "e", Data: `{}`}},
		{`{"join_ref":null,"ref":null,"payload":{},"event":"e","topic":"t"}`, decoded{Topic: "t", Event: "e", Data: `{}`}},
		{` { "ref" : 7 , "x":[{"topic":"no"}],"payload": {} , "event" :"e","topic":"t", "Topic":5} `, decoded{Ref: "7", Topic: "t", Event: "e", Data: `{}`}},
		// keys with escapes are the same keys
		{`{"\u0074opic":"t","e\u0076ent":"e","payload":{},"\u0072\u0065\u0066":"1","\u006a\u006f\u0069\u006e\u005f\u0072\u0065\u0066":"2","\ud800":1}`,
			decoded{JoinRef: `"2"`, Ref: `"1"`, Topic: "t", Event: "e", Data: `{}`}},
		{`{"topic":"t","event":"e","payload":{},"ref":"1","` + strings.Repeat(`\u0061`, 9) + `":"2","topic\u0000":0,"\"":0}`,
			decoded{Ref: `"1"`, Topic: "t", Event: "e", Data: `{}`}},
		{`{"topic":"t","event":"e","payload":{},"ref":"1","ref\ud800":"2","topic\udc00x":"x"}`, decoded{Ref: `"1"`, Topic: "t", Event: "e", Data: `{}`}},
		// of duplicates the last one counts
		{`{"topic":5,"event":"e","payload":[],"ref":"1","topic":"t","payload":{},"ref":"2","r\u0065f":"3"}`,
			decoded{Ref: `"3"`, Topic: "t", Event: "e", Data: `{}`}},
		{`{"topic":"t","event":"e","payload":{},"ref":"1","topic":null}`, decoded{Ref: `"1"`, Event: "e", Reason: invalid}},
		// four are needed
		{`{}`, decoded{Reason: invalid}},
		{`{"event":"e","payload":{},"ref":"1"}`, decoded{Ref: `"1"`, Event: "e", Reason: invalid}},
		{`{"topic":"t","payload":{},"ref":"1"}`, decoded{Ref: `"1"`, Topic: "t", Reason: invalid}},
		{`{"topic":"t","event":"e","ref":"1"}`, decoded{Ref: `"1"`, Topic: "t", Event: "e", Reason: invalid}},
		{`{"topic":"t","event":"e","payload":{}}`, decoded{Topic: "t", Event: "e", Reason: invalid}},
		{`{"topic":"t","event":"e","payload":{},"join_ref":"1"}`, decoded{JoinRef: `"1"`, Topic: "t", Event: "e", Reason: invalid}},
		// not an object, not JSON: read up to the fault
		{`["1","1","t","e",{}]`, decoded{Reason: invalid}},
		{`null`, decoded{Reason: invalid}},
		{`{`, decoded{Reason: invalid}},
		{`{"topic"`, decoded{Reason: invalid}},
		{`{"topic":`, decoded{Reason: invalid}},
		{`{"topic":"t"`, decoded{Topic: "t", Reason: invalid}},
		{`{"topic":"t",`, decoded{Topic: "t", Reason: invalid}},
		{`{"topic":"t",}`, decoded{Topic: "t", Reason: invalid}},
		{`{"topic":"t" "event":"e"}`, decoded{Topic: "t", Reason: invalid}},
		{`{"ref":"1","topic":"t",event:"e"}`, decoded{Ref: `"1"`, Topic: "t", Reason: invalid}},
		{`{"ref":"1","topic":"t","event":"e","payload":{}} {}`, decoded{Ref: `"1"`, Topic: "t", Event: "e", Reason: invalid}},
		{`{"ref":"1","topic":"t","event":"e","payload":{},"x":` + nested(128) + `}`, decoded{Ref: `"1"`, Topic: "t", Event: "e", Data: `{}`}},
		{`{"ref":"1","topic":"t","event":"e","payload":{},"x":` + nested(129) + `}`, decoded{Ref: `"1"`, Topic: "t", Event: "e", Reason: invalid}},
		{"{\"ref\":\"1\",\"topic\":\"t\",\"event\":\"e\",\"payload\":{},\"\xff\":1}", decoded{NotUTF8: true}},
		{"{\xff", decoded{NotUTF8: true}},
	}
	// The rules for the fields are those of V2.
	for _, c := range v2Cases() {
		f, ok := referenceFields(phx.V2(), []byte(c.frame))
		if ok && len(f) == 5 {
			c.frame = fmt.Sprintf(`{"topic":%s,"event":%s,"payload":%s,"ref":%s,"join_ref":%s}`, f["topic"], f["event"], f["payload"], f["ref"], f["join_ref"])
			cases = append(cases, c)
		}
	}
	return cases
}

func TestV1Decode(t *testing.T) { testDecode(t, phx.V1(), v1Cases()) }
func TestV2Decode(t *testing.T) { testDecode(t, phx.V2(), v2Cases()) }

func testDecode(t *testing.T, s phx.Serializer, cases []decodeCase) {
	for _, c := range cases {
		if got := decode(t, s, phx.Frame{Data: []byte(c.frame)}); got != c.want {
			t.Errorf("%.400q:\ngot  %+v\nwant %+v", c.frame, got, c.want)
		}
		checkDecode(t, s, []byte(c.frame)) // the tables and the reference agree
	}
}

// checkDecode fails t if s and the reference read data differently, or if what
// was decoded does not survive encoding.
func checkDecode(t *testing.T, s phx.Serializer, data []byte) {
	t.Helper()
	got, want := decode(t, s, phx.Frame{Data: data}), reference(s, data)
	if want.FieldsUnknown {
		for _, name := range []string{got.Topic, got.Event} {
			err := phx.CheckName(name)
			// One that is too long is told all the same, so that the client can be answered.
			if errors.Is(err, phx.ErrNameLength) && len(name) <= 6*phx.MaxName {
				continue
			}
			if err != nil {
				t.Errorf("%q: unusable name %q", data, name)
			}
		}
		want = decoded{JoinRef: got.JoinRef, Ref: got.Ref, Topic: got.Topic, Event: got.Event, Reason: want.Reason}
	}
	if got != want {
		t.Errorf("%.400q:\ngot       %+v\nreference %+v", data, got, want)
	}
	if got.Reason != "" || got.NotUTF8 {
		return
	}
	m, _ := s.Decode(phx.Frame{Data: data})
	frame, binary, err := s.AppendMessage(nil, &m)
	if err != nil || binary {
		t.Fatalf("%q: encoded again: binary %v, %v", data, binary, err)
	}
	again := decode(t, s, phx.Frame{Data: frame})
	again.JoinRef = got.JoinRef // which V1 does not send
	if again != got {
		t.Errorf("%q:\ndecoded       %+v\ndecoded again %+v", data, got, again)
	}
	if !sameJSON(t, frame, messageJSON(t, s, &m)) {
		t.Errorf("%q encoded again: %q", data, frame)
	}
}

// Nothing in the frame is copied while names have no escapes.
func TestDecodeAllocates(t *testing.T) {
	for _, c := range []struct {
		s     phx.Serializer
		frame string
	}{
		{phx.V2(), `["3","4","rooms:lobby","new:msg",{"body":"héllo\n"}]`},
		{phx.V1(), `{"topic":"rooms:lobby","event":"new:msg","payload":{"body":"héllo\n"},"ref":4,"join_ref":"3"}`},
	} {
		f := phx.Frame{Data: []byte(c.frame)}
		if n := testing.AllocsPerRun(100, func() {
			if _, err := c.s.Decode(f); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", c.frame, n)
		}
	}
}

// Appending to a payload must not reach into the frame behind it.
func TestDecodedPayloadIsClipped(t *testing.T) {
	for _, c := range []struct {
		s     phx.Serializer
		frame string
	}{
		{phx.V1(), `{"payload":{},"topic":"t","event":"e","ref":"1"}`},
		{phx.V2(), `["3","4","t","e",{},"more"]`},
	} {
		m, err := c.s.Decode(phx.Frame{Data: []byte(c.frame)})
		if err != nil {
			t.Fatal(err)
		}
		if data := m.Payload.Data(); cap(data) != len(data) {
			t.Errorf("%s: payload with room for %d bytes more", c.frame, cap(data)-len(data))
		}
	}
}

func TestV1DecodeBinary(t *testing.T) {
	frame := phx.Frame{Data: []byte(header(0, "data", "3", "4", "t", "e")), Binary: true}
	if got, want := decode(t, phx.V1(), frame), (decoded{Reason: invalid}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func FuzzV1Decode(f *testing.F) { fuzzDecode(f, phx.V1(), v1Cases()) }
func FuzzV2Decode(f *testing.F) { fuzzDecode(f, phx.V2(), v2Cases()) }

func fuzzDecode(f *testing.F, s phx.Serializer, cases []decodeCase) {
	for _, c := range cases {
		if len(c.frame) < 4096 {
			f.Add([]byte(c.frame))
		}
	}
	for _, r := range dialogues(f) {
		if r.serializer == s && !r.frame.Binary {
			f.Add(r.frame.Data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkDecode(t, s, data) })
}
