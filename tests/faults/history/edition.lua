return { number = 0 }
