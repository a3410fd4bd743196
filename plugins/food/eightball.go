package main

// answers are those of the Magic 8 Ball.
var answers = [...]string{
	"It is certain.",
	"It is decidedly so.",
	"Without a doubt.",
	"Yes definitely.",
	"You may rely on it.",
	"As I see it, yes.",
	"Most likely.",
	"Outlook good.",
	"Yes.",
	"Signs point to yes.",
	"Reply hazy, try again.",
	"Ask again later.",
	"Better not tell you now.",
	"Cannot predict now.",
	"Concentrate and ask again.",
	"Don't count on it.",
	"My reply is no.",
	"My sources say no.",
	"Outlook not so good.",
	"Very doubtful.",
}

// maxPredicted is the longest message that is looked into for each subscriber, in
// bytes. A prediction would make one that is as long as the host allows too long,
// and the push an error.
const maxPredicted = 16 << 10

// prediction is the guide's MagicEightBall.prediction. It depends on the time
// alone, so that a recorded call gives the same answer again.
func prediction(nowMS int64) string {
	n := int64(len(answers))
	return answers[(nowMS%n+n)%n]
}
