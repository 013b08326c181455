"""Words that say nothing about a picture, and those that turn what follows. English."""

less = frozenset(
    {
        "aren't", "arent", "can't", "cannot", "cant", "didn't", "didnt", "doesn't", "doesnt",
        "don't", "dont", "fewer", "isn't", "isnt", "lack", "lacking", "lacks", "less", "minus",
        "neither", "never", "no", "nor", "not", "wasn't", "wasnt", "weren't", "werent", "without",
    }
)  # fmt: skip
"""Turn what follows into its opposite."""
passed = frozenset(
    {
        "a", "an", "and", "any", "as", "it", "its", "much", "of", "or", "quite", "really", "so",
        "that", "the", "too", "very",
    }
)  # fmt: skip
"""May stand between such a word and what it turns."""
stop = frozenset(
    {
        "a", "about", "after", "again", "all", "almost", "alot", "also", "am", "an", "and",
        "another", "any", "appear", "appeared", "appears", "are", "as", "at", "be", "became",
        "become", "becomes", "becoming", "been", "before", "being", "bit", "both", "but", "by",
        "can", "change", "changed", "changes", "changing", "could", "did", "do", "does", "done",
        "each", "else", "even", "ever", "every", "few", "for", "from", "get", "gets", "getting",
        "give", "given", "gives", "go", "goes", "going", "got", "had", "has", "have", "having",
        "he", "her", "here", "him", "his", "how", "i", "if", "image", "images", "in", "into", "is",
        "it", "it's", "its", "itself", "just", "kind", "kinda", "like", "little", "look", "looked",
        "looking", "looks", "lot", "lots", "made", "make", "makes", "making", "many", "may", "me",
        "more", "most", "much", "my", "none", "nothing", "now", "of", "on", "only", "onto", "or",
        "other", "our", "out", "over", "overall", "photo", "picture", "pictures", "plus", "quite",
        "rather", "really", "same", "see", "seem", "seemed", "seems", "she", "since", "slight",
        "slightly", "so", "some", "somehow", "something", "somewhat", "sort", "still", "such",
        "than", "that", "that's", "the", "their", "them", "then", "there", "there's", "these",
        "they", "thing", "things", "this", "those", "though", "through", "to", "too", "toward",
        "towards", "turn", "turned", "turns", "up", "upon", "us", "very", "was", "we", "went",
        "were", "what", "when", "where", "whereas", "which", "while", "who", "will", "with",
        "would", "you", "your",
    }
)  # fmt: skip
"""Not counted."""
