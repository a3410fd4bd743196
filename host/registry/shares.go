package registry

// shares counts what the audit log keeps of whom, so that it can be told which entry is
// left out when the log is full. Each tenant has a share, of the entries that are its
// [Entry.Own]; all others are the operator's, whatever tenant they are about, and its
// share goes by the empty name. Callers see to it that one of them uses it at a time.
type shares struct {
	of  map[string][]uint64 // the numbers that are kept, oldest first, and none empty
	all int                 // of all of them
}

// keptEntry is an entry that is kept, and whose share it counts against.
type keptEntry struct {
	number uint64
	share  string
}

// add counts an entry, whose number is above those of all others.
func (s *shares) add(e keptEntry) {
	if s.of == nil {
		s.of = map[string][]uint64{}
	}
	s.of[e.share] = append(s.of[e.share], e.number)
	s.all++
}

// next is which entry goes next when the log has more than most, which is what [Config]
// says of Entries. It is the oldest of the operator's share as far as that is above
// half of the log, and otherwise the oldest of the tenant that has the most. Of several
// that have as many it is the oldest.
func (s *shares) next(most int) (keptEntry, bool) {
	if s.all <= most {
		return keptEntry{}, false
	}
	if own := s.of[""]; len(own) > most/2 {
		return keptEntry{own[0], ""}, true
	}
	largest, found := keptEntry{}, 0
	for share, numbers := range s.of {
		if share != "" && (len(numbers) > found || len(numbers) == found && numbers[0] < largest.number) {
			largest, found = keptEntry{numbers[0], share}, len(numbers)
		}
	}
	return largest, found > 0
}

// drop forgets the oldest entry of a share, which next has named.
func (s *shares) drop(e keptEntry) {
	s.all--
	if s.of[e.share] = s.of[e.share][1:]; len(s.of[e.share]) == 0 {
		delete(s.of, e.share)
	}
}
