"""What a training method costs, measured: Table 1 of the DLB paper (Shen et al., CVPR 2022), and time and memory beside it."""
