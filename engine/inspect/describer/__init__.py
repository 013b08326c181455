"""MILAN's learnt describer, scaled down: a captioner over masked regions and a language prior."""
