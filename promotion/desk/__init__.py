"""The review desk: a small web page over the functions of promotion.review. It decides nothing itself."""
