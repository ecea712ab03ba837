"""The doctor: looks at a set-up, says what is wrong and how to mend it, and changes nothing."""
