package random

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// classes are the character classes of a password, with the input that switches each on and the one that sets its minimum.
var classes = []struct{ name, minimum, alphabet string }{
	{"lower", "minLower", "abcdefghijklmnopqrstuvwxyz"},
	{"upper", "minUpper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
	{"numeric", "minNumeric", "0123456789"},
	{"special", "minSpecial", "!@#$%&*()-_=+[]{}<>:?"},
}

// below returns a random number from 0 to n-1. The system's random source never fails.
func below(n int) int {
	number, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err)
	}
	return int(number.Int64())
}

// compose draws the minimum of each class, takes the rest from all classes that are on, and shuffles.
func compose(inputs object) (string, error) {
	size, _ := inputs["length"].(float64)
	length := int(size)
	var slots []string // the alphabet of each character
	all := ""
	for _, class := range classes {
		minimum, _ := inputs[class.minimum].(float64)
		slots = append(slots, slices.Repeat([]string{class.alphabet}, int(minimum))...)
		if inputs[class.name] == true {
			all += class.alphabet
		}
	}
	switch {
	case length < 1 || len(slots) > length:
		return "", fmt.Errorf("must be at least 1 and at least the sum of minLower, minUpper, minNumeric and minSpecial (%d), got: %d", len(slots), length)
	case len(slots) < length && all == "":
		return "", errors.New("at least one of lower, upper, numeric and special must be true")
	}
	for len(slots) < length {
		slots = append(slots, all)
	}
	out := make([]byte, length)
	for i := range out {
		j := i + below(length-i)
		slots[i], slots[j] = slots[j], slots[i]
		out[i] = slots[i][below(len(slots[i]))]
	}
	return string(out), nil
}
