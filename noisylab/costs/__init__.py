"""The measured cost of training methods: Table 1 of the DLB paper (Shen et al., CVPR 2022), with time and memory."""
