"""What each function of NVIDIA's cuda.h means for a share, joined with what libvgpu.so intercepts."""
