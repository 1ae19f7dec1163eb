namespace Edifice.Engine.Backends;

/// <summary>One-dimensional transforms over the signal axis; complex values are pairs on a trailing axis of extent 2.</summary>
public enum FourierKernel
{
    /// <summary>[…, n, 2] → […, n, 2], e^(-2πi jk/n), no scaling.</summary>
    Forward,
    /// <summary>[…, n, 2] → […, n, 2], e^(+2πi jk/n), divided by n.</summary>
    Inverse,
    /// <summary>Real […, n] → […, n/2 + 1, 2], no scaling.</summary>
    RealForward,
    /// <summary>[…, n/2 + 1, 2] → real […, n], divided by n; the imaginary parts of bins 0 and n/2 are ignored.</summary>
    RealInverse,
}

public partial interface IBackend
{
    /// <summary>Transforms every row; contiguous operands, f32/f64; any n ≥ 1 (mixed radix, Bluestein for large primes).
    /// Plans are cached.</summary>
    void Fourier(FourierKernel kernel, Tensor x, int n, Tensor y);

    /// <summary>y = real part of the 2-D transform of every [L, H] slice of x [B, L, H]; contiguous.</summary>
    void Fourier2Real(Tensor x, Tensor y);
}
