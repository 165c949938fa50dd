"""Several workers that train one model: who they are, how they meet, who watches over each, and what they agree on."""
