// A pause program of our own: the original is written in C.
module pause

go 1.26.0
