namespace Edifice.Engine.Serialization;

/// <summary>A file of tensors breaks a rule of its format, or holds what the engine has no type for.</summary>
/// <param name="message">The file and the rule.</param>
public sealed class SerializationException(string message) : TensorException(message);
