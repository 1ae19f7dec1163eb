using static TorchSharp.torch;
using Twin = TorchSharp.torch.Tensor;

namespace Edifice.Bench.Libtorch;

/// <summary>Training of a formulation: forward, mean square error of all hidden states, backward, AdamW.</summary>
internal sealed class TrainingStep
{
    private const double Beta1 = 0.9, Beta2 = 0.999, Eps = 1e-8;

    private readonly Formulation _formulation;
    private readonly Twin _x, _target;
    private readonly double _rate, _decay;
    private readonly (TorchSharp.Modules.Parameter Parameter, Twin First, Twin Second)[] _states;
    private long _steps;

    /// <summary>Prepares to train.</summary>
    /// <param name="formulation">The model.</param>
    /// <param name="x">[B, L, E].</param>
    /// <param name="target">Of the shape of the hidden states.</param>
    /// <param name="rate">Learning rate.</param>
    /// <param name="decay">Weight decay.</param>
    public TrainingStep(Formulation formulation, Twin x, Twin target, double rate, double decay)
    {
        (_formulation, _x, _target, _rate, _decay) = (formulation, x, target, rate, decay);
        _states = [.. formulation.Weights.Parameters.Select(p => (p.Parameter, zeros_like(p.Parameter), zeros_like(p.Parameter)))];
    }

    /// <summary>Leaves the gradients on the parameters.</summary>
    /// <returns>The hidden states, of the caller's scope.</returns>
    public Twin Backward()
    {
        using var scope = NewDisposeScope();
        var y = _formulation.ForwardSequence(_x);
        nn.functional.mse_loss(y, _target).backward();
        return y.detach().MoveToOuterDisposeScope();
    }

    /// <summary>Forgets the gradients.</summary>
    public void ZeroGrad()
    {
        foreach (var (p, _, _) in _states) p.grad = null;
    }

    /// <summary>One whole step.</summary>
    public void Run()
    {
        using var scope = NewDisposeScope();
        Backward();
        Update();
        ZeroGrad();
    }

    /// <summary>AdamW in place; TorchSharp's optimizer makes more temporaries for the same result.</summary>
    private void Update()
    {
        using var off = no_grad();
        _steps++;
        double first = 1 - Math.Pow(Beta1, _steps), second = Math.Sqrt(1 - Math.Pow(Beta2, _steps));
        foreach (var (p, m, v) in _states)
        {
            if (p.grad is not { } g) continue;
            p.mul_(1 - _rate * _decay);
            m.lerp_(g, 1 - Beta1);
            v.mul_(Beta2).addcmul_(g, g, 1 - Beta2);
            p.addcdiv_(m, v.sqrt().div_(second).add_(Eps), -_rate / first);
        }
    }
}
